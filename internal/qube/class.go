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

// ValidClass returns nil if class can be a class of qubes, else an error with the reason. In every release, classes
// consist of letters and end in VM. A class that is not one of the constants is valid, so that the next release of
// Qubes OS does not make a whole inventory invalid, as RemoteVM would have done in 4.3.
func ValidClass(class string) error {
	if !strings.HasSuffix(class, "VM") || !isWord(class) {
		return fmt.Errorf("class %.40q is not a class of qubes; classes end in VM, like AppVM and DispVM", class)
	}

	return nil
}

// ValidState returns nil if state can be a power state, else an error with the reason. States consist of letters; as
// with classes, an unknown one is valid. The name of a class is not, because it means that columns are swapped.
func ValidState(state string) error {
	if strings.HasSuffix(state, "VM") || !isWord(state) {
		return fmt.Errorf("state %.40q is not a power state; states are words like Running and Halted", state)
	}

	return nil
}

// isWord reports whether text consists of ASCII letters and is not empty.
func isWord(text string) bool {
	for i := range len(text) {
		if !isLetter(text[i]) {
			return false
		}
	}

	return text != ""
}
