package evaluate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
)

// TestEvaluate_span has rates of findings only of the benign cases whose time counts.
func TestEvaluate_span(t *testing.T) {
	t.Parallel()
	for days, want := range map[int64]string{1: "12.0 h of benign traffic after learning: 2.00 findings a day", 30: "0.0 h of benign traffic after learning: 0.00 findings a day"} {
		var log strings.Builder
		for i := range int64(11) { // in the last half, another neighbour
			to := "192.168.1.5"
			if i == 10 {
				to = "192.168.1.6"
			}
			fmt.Fprintf(&log, `{"ts":%d.5,"conn_state":"SF","id.orig_h":"192.168.1.9","id.orig_p":%d,"id.resp_h":%q,"id.resp_p":22,"proto":"tcp","duration":2.0,"orig_bytes":5,"resp_bytes":6}`+"\n",
				1700000000+i*days*8640, 40000+i, to)
		}
		path := filepath.Join(t.TempDir(), "conn.log")
		if err := os.WriteFile(path, []byte(log.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		table := evaluate.Evaluate([]evaluate.Case{{File: evaluate.File{Path: path, Label: "logins", Class: "benign"}, Paths: []string{path}}})
		var text strings.Builder
		if err := table.Write(&text); err != nil || len(table.Faults) > 0 {
			t.Fatal(err, table.Faults)
		}
		if !strings.Contains(text.String(), want) {
			t.Errorf("%d days:\n%s\nwant %q", days, text.String(), want)
		}
	}
}
