package share_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// TestTally keeps the class with the highest count whatever else comes and goes.
func TestTally(t *testing.T) {
	t.Parallel()
	var tally share.Tally[int]
	if k, n := tally.Most(); k != 0 || n != 0 {
		t.Errorf("Most of an empty tally = %d, %d", k, n)
	}
	tally.Add(7, 2)
	tally.Add(8, 3)
	tally.Add(7, 2)
	if k, n := tally.Most(); k != 7 || n != 4 || tally.Of(8) != 3 {
		t.Errorf("Most = %d, %d, 8 has %d; want 7 with 4, 3", k, n, tally.Of(8))
	}
	for k := range 10_000 {
		tally.Add(1000+k, 1)
	}
	if k, n := tally.Most(); k != 7 || n != 4 || tally.Of(8) != 3 {
		t.Errorf("after 10,000 others, Most = %d, %d; 8 has %d", k, n, tally.Of(8))
	}
}
