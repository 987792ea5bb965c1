package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

// otherForm returns an error that says what a file is that is neither lines nor a JSON
// object, nil if it may be one of them.
func otherForm(data []byte) error {
	head := data[:min(len(data), 4<<10)]
	switch {
	case textmark.Kind(head) != "":
		return errors.New(textmark.Kind(head))
	case textmark.IsMarkup(head):
		return errors.New("it is an HTML or XML page, not an inventory")
	case textmark.IsJSON(head) && strings.HasPrefix(strings.TrimSpace(string(head)), "["):
		return errors.New(`it is a list in JSON: write it as an object, {"version":1,"qubes":[…]}`)
	}
	return nil
}

// separators are what other programs have between columns.
var separators = [...]struct{ text, name string }{{",", "commas"}, {";", "semicolons"}, {"\t", "tabs"}}

// otherSeparator returns an error if a line has columns with another separator than "|".
func otherSeparator(line string) error {
	line = strings.TrimSpace(line)
	for _, s := range separators {
		if !strings.Contains(line, "|") && strings.Contains(line, s.text) {
			return fmt.Errorf("the columns are separated by %s: separate them with |", s.name)
		}
	}
	return nil
}
