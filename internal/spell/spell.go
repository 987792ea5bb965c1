// Package spell finds the word that somebody may have meant.
package spell

// Distance returns how many bytes have to be changed, added or dropped to make b
// out of a (Levenshtein). It takes time in proportion to the product of the
// lengths: cut what may be hostile.
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
