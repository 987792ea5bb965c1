// Package spell measures how far a misspelt word is from one that exists.
package spell

// Distance returns the Levenshtein distance of a and b in bytes. It takes time in
// proportion to the product of their lengths: limit those of untrusted input.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
