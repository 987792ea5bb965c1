package names

import "strings"

// endLabels is how many labels of a common end are known.
const endLabels = 2

// end is what all names of a window have in common before their domain, such as a site of a company: it
// carries no data. The zero value is that of no names.
type end struct {
	hash  [endLabels]uint32 // of the last label, and of the last two
	size  [endLabels]uint8  // characters, without dots
	count uint8             // labels that all names have
}

// add takes the part of a new name below its domain. Its first label never counts as an end.
func (e *end) add(sub string, seed uint64, first bool) {
	at := len(sub)
	for i := range endLabels {
		if at = strings.LastIndexByte(sub[:at], '.'); at < 0 {
			e.count = min(e.count, uint8(i))
			return
		}
		h := uint32(hash(sub[at+1:], seed))
		switch {
		case first:
			e.hash[i], e.size[i], e.count = h, uint8(characters(sub[at+1:])), uint8(i+1)
		case e.hash[i] != h:
			e.count = min(e.count, uint8(i))
			return
		}
	}
}

// characters returns how many characters of each name are those of the end.
func (e *end) characters() int {
	if e.count == 0 {
		return 0
	}
	return int(e.size[e.count-1])
}
