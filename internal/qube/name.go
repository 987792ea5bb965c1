package qube

import (
	"errors"
	"fmt"
	"strings"
)

// MaxName is the length of the longest name, in bytes (qubes-core-admin, qubes/vm/__init__.py, validate_name).
const MaxName = 31

// ValidName returns nil if dom0 would accept name as the name of a qube, else an error with the reason. The rule is
// validate_name in qubes/vm/__init__.py of qubes-core-admin 4.3: `\A[a-zA-Z][a-zA-Z0-9_.-]*\Z`, at most MaxName
// characters, no reserved name and not the name of a stub domain.
func ValidName(name string) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case len(name) > MaxName:
		return fmt.Errorf("name %.40q has %d characters; at most %d are allowed", name, len(name), MaxName)
	case !isLetter(name[0]):
		return fmt.Errorf("name %q does not begin with a letter a-z or A-Z", name)
	case badCharacter(name) >= 0:
		return fmt.Errorf("name %q has the character %q; only letters, digits, '_', '.' and '-' are allowed",
			name, character(name, badCharacter(name)))
	}

	return reservedName(name)
}

// reservedName returns an error if name has a special meaning in dom0.
func reservedName(name string) error {
	switch {
	case name == "Domain-0" || name == "none" || name == "default":
		return fmt.Errorf("name %q is reserved by Qubes OS", name)
	case strings.HasSuffix(name, "-dm"):
		return fmt.Errorf("name %q ends in -dm, which is reserved for stub domains", name)
	}

	return nil
}

// badCharacter returns the offset of the first byte that neither a name nor a label may contain, or -1.
func badCharacter(text string) int {
	for i := range len(text) {
		if c := text[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '.' && c != '-' {
			return i
		}
	}

	return -1
}

// character returns the whole character at an offset, for an error message.
func character(text string, offset int) rune {
	for _, r := range text[offset:] {
		return r
	}

	return 0
}

// isLetter reports whether c is an ASCII letter; dom0's rules allow no others.
func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isDigit reports whether c is an ASCII digit.
func isDigit(c byte) bool {
	return '0' <= c && c <= '9'
}
