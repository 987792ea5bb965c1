package inventory

import (
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/spell"
)

// nearest returns the one of known that takes the fewest single-character edits to reach from word. Case and the
// difference between '-' and '_' count for nothing. known must not be empty.
func nearest(word string, known []string) string {
	best, least := known[0], -1
	for _, candidate := range known {
		if d := spell.Distance(plain(word), plain(candidate)); least < 0 || d < least {
			best, least = candidate, d
		}
	}

	return best
}

// plain folds what nearest ignores. It cuts words that are longer than any column so that a hostile one costs little.
func plain(word string) string {
	return strings.ToUpper(strings.ReplaceAll(word[:min(len(word), 40)], "-", "_"))
}
