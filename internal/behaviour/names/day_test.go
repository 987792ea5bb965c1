package names_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// TestDay_Add finds names that carry data below many domains within a day, once, and no names
// that people choose or that providers give out.
func TestDay_Add(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	const odd = "qxzjkvwpfhbcdg57"
	for name, tt := range map[string]struct {
		next  func(i int) *names.Query
		every int64 // seconds
		after int   // names, 0 for never
	}{
		"domains change":     {func(i int) *names.Query { return query(text(rng, odd, 24)+fmt.Sprintf(".t%d.example", i%10), 0) }, 3000, 20},
		"one domain":         {func(int) *names.Query { return query(text(rng, odd, 24)+".t.example", 0) }, 3000, 20},
		"the same again":     {func(i int) *names.Query { return query(fmt.Sprintf("qxzjkvwpfhbcdg57qxzjk%d.t.example", i%19), 0) }, 3000, 0},
		"less in a day":      {func(int) *names.Query { return query(text(rng, odd, 24)+".t.example", 0) }, 5000, 0},
		"short but for dots": {func(int) *names.Query { return query("qxz."+text(rng, odd, 16)+".t.example", 0) }, 3000, 0},
		"short":              {func(int) *names.Query { return query(text(rng, odd, 19)+".t.example", 0) }, 3000, 0},
		"words":              {func(i int) *names.Query { return query(fmt.Sprintf("downloads-of-the-season-%d.t.example", i), 0) }, 3000, 0},
		"given": {func(int) *names.Query {
			q := query(text(rng, odd, 24)+".t.example", 0)
			q.Given = true
			return q
		}, 3000, 0},
		"responses": {func(int) *names.Query {
			q := query(text(rng, odd, 24)+".t.example", 0)
			q.Response = true
			return q
		}, 3000, 0},
	} {
		var d names.Day
		after, found := 0, 0
		for i := range 25 {
			q := tt.next(i)
			q.At = start + int64(i)*tt.every*1e9
			if q.Carries() && d.Add(q) {
				after, found = i+1, found+1
			}
		}
		if after != tt.after || found > 1 {
			t.Errorf("%s: found %d times, after %d names; want %d", name, found, after, tt.after)
		}
	}
}
