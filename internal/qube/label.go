package qube

import (
	"errors"
	"fmt"
)

// ValidLabel returns nil if dom0 would accept label as the name of a label, else an error with the reason. The rule is
// that of admin.label.Create (qubes-core-admin, qubes/api/admin.py): letters, digits, '-', '_' and '.', but not only
// digits, because a number means the index of a label. Labels that users have created are as valid as the eight
// built-in ones.
func ValidLabel(label string) error {
	if label == "" {
		return errors.New("label is empty")
	}

	if i := badCharacter(label); i >= 0 {
		return fmt.Errorf("label %.40q has the character %q; only letters, digits, '_', '.' and '-' are allowed",
			label, character(label, i))
	}

	if isNumber(label) {
		return fmt.Errorf("label %.40q is a number, which dom0 would take for the index of a label", label)
	}

	return nil
}

// isNumber reports whether text consists of digits; it does for "".
func isNumber(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}

	return true
}
