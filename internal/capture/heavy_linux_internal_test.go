package capture

import (
	"slices"
	"testing"
)

// TestAboveShare names those that fill a ring, and not those that have little in it.
func TestAboveShare(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		bytes map[uint32]int
		want  []uint32
	}{
		{"none", nil, nil},
		{"one", map[uint32]int{4: 1}, []uint32{4}},
		{"a noisy and a quiet one", map[uint32]int{4: 900, 5: 100}, []uint32{4}},
		{"two noisy and two quiet ones", map[uint32]int{4: 500, 5: 40, 6: 400, 7: 60}, []uint32{4, 6}},
		{"all the same", map[uint32]int{5: 7, 4: 7}, []uint32{4, 5}},
	} {
		if got := aboveShare(tt.bytes); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v; want %v", tt.name, got, tt.want)
		}
	}
}

// TestHeavy_join takes over those that are new only, and leaves the list alone that a filter has.
func TestHeavy_join(t *testing.T) {
	t.Parallel()
	var c heavy
	c.begin([]uint32{4})
	was := c.all
	if c.join([]uint32{4}) || !c.join([]uint32{4, 5}) || c.join([]uint32{5}) {
		t.Errorf("joined: %v", c.all)
	}
	if !slices.Equal(c.all, []uint32{4, 5}) || !slices.Equal(was, []uint32{4}) {
		t.Errorf("%v, before %v; want 4 and 5, and 4", c.all, was)
	}
}
