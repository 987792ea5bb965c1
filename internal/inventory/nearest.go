package inventory

import (
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/spell"
)

// nearest returns the element of known with the smallest edit distance to word, ignoring case and the difference between
// '-' and '_'. known must not be empty.
func nearest(word string, known []string) string {
	best, least := known[0], -1
	for _, candidate := range known {
		if d := spell.Distance(plain(word), plain(candidate)); least < 0 || d < least {
			best, least = candidate, d
		}
	}
	return best
}

// plain removes what nearest ignores. It truncates words that are longer than any column, so that a hostile one costs
// little.
func plain(word string) string {
	return strings.ToUpper(strings.ReplaceAll(word[:min(len(word), 40)], "-", "_"))
}
