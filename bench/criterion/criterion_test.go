package criterion_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/bench/criterion"
)

func TestPrint(t *testing.T) {
	t.Parallel()
	list := func() []criterion.Criterion {
		return []criterion.Criterion{criterion.Of(true, "fast"), {Verdict: criterion.Skip, Text: "peer"}}
	}
	for _, tt := range []struct {
		name  string
		list  []criterion.Criterion
		peers bool
		want  string
		fails bool
	}{
		{"skipped", list(), false, "PASS  fast\nSKIP  peer\n", false},
		{"required", list(), true, "PASS  fast\nFAIL  peer\n", true},
		{"not met", []criterion.Criterion{criterion.Of(false, "fast")}, false, "FAIL  fast\n", true},
		{"nothing", nil, false, "FAIL  nothing was measured\n", true},
	} {
		var out strings.Builder
		err := criterion.Print(&out, criterion.Complete(tt.list, tt.peers))
		if out.String() != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s: %q, %v; want %q", tt.name, out.String(), err, tt.want)
		}
	}
}
