package inventory

import "strings"

// nearest returns the one of known that takes the fewest single-character edits to reach from word. Case and the
// difference between '-' and '_' count for nothing. known must not be empty.
func nearest(word string, known []string) string {
	best, least := known[0], -1
	for _, candidate := range known {
		if d := distance(plain(word), plain(candidate)); least < 0 || d < least {
			best, least = candidate, d
		}
	}

	return best
}

// plain folds what nearest ignores. It cuts words that are longer than any column so that a hostile one costs little.
func plain(word string) string {
	return strings.ToUpper(strings.ReplaceAll(word[:min(len(word), 40)], "-", "_"))
}

// distance is the Levenshtein distance in bytes, with one row of the matrix at a time.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}

	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}

			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}

	return row[len(b)]
}
