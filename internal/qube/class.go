package qube

import (
	"fmt"
	"strings"
)

// The classes of qubes (qubes-core-admin, qubes/vm/*.py). RemoteVM exists since Qubes OS 4.3.
const (
	ClassAdmin      = "AdminVM"
	ClassApp        = "AppVM"
	ClassDisposable = "DispVM"
	ClassRemote     = "RemoteVM"
	ClassStandalone = "StandaloneVM"
	ClassTemplate   = "TemplateVM"
)

// ValidClass returns an error that says why class cannot be a class of qubes, nil if it can. Every class of every
// release is a word of letters that ends in VM. A class that is not among the constants is valid, so that the next
// release of Qubes OS does not make a whole inventory unreadable as RemoteVM would have done in 4.3.
func ValidClass(class string) error {
	if !strings.HasSuffix(class, "VM") || !isWord(class) {
		return fmt.Errorf("class %.40q is not a class of qubes, they end in VM as AppVM and DispVM do", class)
	}

	return nil
}

// ValidState returns an error that says why state cannot be a power state, nil if it can. States are words of letters;
// as with classes, one that is not known yet is valid. That of a class is not, because it means swapped columns.
func ValidState(state string) error {
	if strings.HasSuffix(state, "VM") || !isWord(state) {
		return fmt.Errorf("state %.40q is not a power state, they are words like Running and Halted", state)
	}

	return nil
}

// isWord reports whether text is made of ASCII letters, at least one.
func isWord(text string) bool {
	for i := range len(text) {
		if !isLetter(text[i]) {
			return false
		}
	}

	return text != ""
}
