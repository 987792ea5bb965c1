package names

// minLabel is the shortest label that is judged: fewer characters say too little.
const minLabel = 8

// Oddity returns how unlikely the characters of a label are, in bits a character, and
// whether it is long enough to be judged. The label must be in lower case. Labels of
// people's making are below [OddLabel], but for one in a hundred.
func Oddity(label string) (bits float64, ok bool) {
	if len(label) < minLabel || len(label) > 4 && label[:4] == "xn--" {
		return 0, false
	}
	sum, before := 0, 0
	for i := range len(label) {
		c := symbol(label[i])
		sum += int(bigrams[before][c])
		before = c
	}
	sum += int(bigrams[before][0])
	return float64(sum) / 8 / float64(len(label)+1), true
}

// OddLabel is the oddity that 1 % of the labels of popular domains exceed.
const OddLabel = 5.23

// symbol returns the row of a character in the table: 0 for none, which stands for the
// beginning and the end, and for what host names do not have.
func symbol(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return 1 + int(c-'a')
	case c >= '0' && c <= '9':
		return 27 + int(c-'0')
	case c == '-':
		return 37
	}
	return 0
}
