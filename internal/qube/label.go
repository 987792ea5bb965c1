package qube

import (
	"errors"
	"fmt"
)

// ValidLabel returns an error that says why dom0 would not have let a label have this name, nil if it would. The rule
// is that of admin.label.Create (qubes-core-admin, qubes/api/admin.py): letters, digits, '-', '_' and '.', and not
// digits only, because a number means the index of a label. Labels that users made themselves are as good as the eight
// built-in ones.
func ValidLabel(label string) error {
	if label == "" {
		return errors.New("label is empty")
	}

	if i := badCharacter(label); i >= 0 {
		return fmt.Errorf("label %.40q has the character %q, only letters, digits, '_', '.' and '-' are allowed",
			label, character(label, i))
	}

	if isNumber(label) {
		return fmt.Errorf("label %.40q is a number, dom0 would take it for the index of a label", label)
	}

	return nil
}

// isNumber reports whether text is made of digits only.
func isNumber(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}

	return true
}
