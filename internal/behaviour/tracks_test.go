package behaviour

import "testing"

// TestTracks_settle checks that what is forgotten is not used again within an observation, in
// which it may be in use, and that it is afterwards, without its value.
func TestTracks_settle(t *testing.T) {
	var list tracks[int]
	list.init(4, func() {})
	first, _ := list.add(1, 100)
	*first = 7
	for hash := uint64(101); hash < 108; hash++ { // the first one goes
		v, isNew := list.add(1, hash)
		if v == nil || !isNew {
			t.Fatalf("add(%d) = %v, %t; want a new value", hash, v, isNew)
		}
		if v == first {
			t.Fatalf("add(%d) is what is in use", hash)
		}
	}
	if *first != 7 || list.find(100) != nil {
		t.Errorf("the value in use is %d, found %v; want 7, and that it is not found", *first, list.find(100))
	}
	list.settle()
	seen := false
	for hash := uint64(200); !seen && hash < 300; hash++ {
		v, _ := list.add(1, hash)
		if *v != 0 {
			t.Errorf("add(%d) has the value %d of another", hash, *v)
		}
		seen = v == first
	}
	if !seen {
		t.Error("the memory of the first value is not used again")
	}
	if n := testing.AllocsPerRun(1000, func() {
		list.add(1, 300)
		list.remove(300)
		list.settle()
	}); n != 0 {
		t.Errorf("a value that comes and goes takes %v allocations; want 0", n)
	}
}
