package share_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// TestStore_Add lets a class lose its own oldest values, and no other.
func TestStore_Add(t *testing.T) {
	t.Parallel()
	var gone []int
	s := share.NewStore(100, func(i *share.Item[string, int]) { gone = append(gone, i.Value) })
	quiet := s.Add("quiet", 10, -1)
	for n := range 10 {
		if s.Add("loud", 10, n) == nil {
			t.Fatalf("value %d found no room", n)
		}
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, gone); diff != "" {
		t.Errorf("evicted values mismatch (-want +got):\n%s", diff)
	}
	if s.Len() != 6 || s.Used() != 60 || s.Oldest("quiet") != quiet || s.Oldest("loud").Value != 5 {
		t.Errorf("%d values of %d units, oldest %v", s.Len(), s.Used(), s.Oldest("loud"))
	}
	if s.Add("loud", 95, 10) != nil || s.Oldest("loud") != nil || s.Oldest("quiet") != quiet {
		t.Error("a value larger than the share was stored, or something of another class is gone")
	}
}

// TestStore_Resize makes room for a value that grows, at the cost of others of its
// class.
func TestStore_Resize(t *testing.T) {
	t.Parallel()
	var gone []int
	s := share.NewStore(100, func(i *share.Item[string, int]) { gone = append(gone, i.Value) })
	first := s.Add("a", 10, 1)
	s.Add("a", 10, 2)
	third := s.Add("a", 10, 3)
	if !s.Resize(first, 60) || s.Used() != 70 {
		t.Errorf("%d units used; want 70", s.Used())
	}
	if diff := cmp.Diff([]int{2}, gone); diff != "" {
		t.Errorf("evicted values mismatch (-want +got):\n%s", diff)
	}
	if s.Resize(third, 95) || s.Len() != 1 || s.Used() != 10 {
		t.Errorf("%d values of %d units; want the one that could not grow, as it was", s.Len(), s.Used())
	}
	if !s.Resize(third, 3) || s.Used() != 3 {
		t.Errorf("%d units used; want 3", s.Used())
	}
	s.Remove(third)
	if s.Len() != 0 || s.Used() != 0 || s.Oldest("a") != nil {
		t.Errorf("%d values of %d units are left", s.Len(), s.Used())
	}
}

// TestStore_Remove_last stores values of a class that had none any more.
func TestStore_Remove_last(t *testing.T) {
	t.Parallel()
	s := share.NewStore(100, func(*share.Item[string, int]) {})
	s.Remove(s.Add("a", 10, 1))
	again, other := s.Add("a", 10, 2), s.Add("b", 10, 3)
	if s.Oldest("a") != again || s.Oldest("b") != other || s.Len() != 2 {
		t.Errorf("oldest %v and %v of %d; want the two that are there", s.Oldest("a"), s.Oldest("b"), s.Len())
	}
}

// TestStore_Renew makes an item the newest of its class, wherever it was, and changes no sizes.
func TestStore_Renew(t *testing.T) {
	t.Parallel()
	for renewed, want := range [][]int{{1, 2, 0}, {0, 2, 1}, {0, 1, 2}} {
		s := share.NewStore(60, func(*share.Item[string, int]) {})
		s.Add("b", 10, -1)
		var items []*share.Item[string, int]
		for n := range 3 {
			items = append(items, s.Add("a", 8, n))
		}
		s.Renew(items[renewed])
		var got []int
		for i := s.Oldest("a"); i != nil; i = i.Next() {
			got = append(got, i.Value)
		}
		if diff := cmp.Diff(want, got); diff != "" || s.Used() != 34 || s.Len() != 4 {
			t.Errorf("item %d renewed: %d of %d units, mismatch (-want +got):\n%s", renewed, s.Len(), s.Used(), diff)
		}
		if !s.Fits("a", 2) || s.Fits("a", 3) {
			t.Error("Fits: want room for 2 units, which leave the class as much as there is for others")
		}
	}
}
