package inventory

import "sort"

// A lineIndex holds the offsets of the ends of lines, so that the line of an offset is found by a binary search.
type lineIndex []int

// newLineIndex returns the index of data.
func newLineIndex(data []byte) (index lineIndex) {
	for i, c := range data {
		if c == '\n' {
			index = append(index, i)
		}
	}
	return index
}

// line returns the number of the line that contains offset, from 1.
func (x lineIndex) line(offset int) int {
	return sort.SearchInts(x, offset) + 1
}

// position returns the line and the column, in bytes, of an offset, both from 1.
func (x lineIndex) position(offset int) (line, column int) {
	line = x.line(offset)
	if line == 1 {
		return 1, offset + 1
	}
	return line, offset - x[line-2]
}
