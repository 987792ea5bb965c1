package flow

import (
	"testing"
	"unsafe"
)

// TestEntry_size checks the memory budget: an entry and its share of the index.
// The index is at worst just doubled, 3/8 full: 8 / (3/8) = 21.3 bytes.
func TestEntry_size(t *testing.T) {
	const index = 22
	if got := unsafe.Sizeof(entry{}) + index; got > 256 {
		t.Errorf("a live flow takes %d bytes; want <= 256", got)
	}
	t.Logf("entry %d bytes, with its share of the index at most %d", unsafe.Sizeof(entry{}), unsafe.Sizeof(entry{})+index)
}
