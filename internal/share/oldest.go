package share

import "cmp"

// Oldest returns the key of the value for which at returns the least, the least key if there are
// several, and the zero key of an empty map: which one has to go where a map is full.
func Oldest[K cmp.Ordered, V any](m map[K]V, at func(V) int64) (oldest K) {
	first, least := true, int64(0)
	for key, value := range m {
		if t := at(value); first || t < least || t == least && key < oldest {
			first, oldest, least = false, key, t
		}
	}
	return oldest
}
