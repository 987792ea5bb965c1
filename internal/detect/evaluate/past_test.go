package evaluate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
)

// contacts returns a log of Zeek in which a client contacts hosts, one in ten seconds.
func contacts(client string, hosts ...string) string {
	var b strings.Builder
	for i, host := range hosts {
		fmt.Fprintf(&b, `{"ts":%d,"uid":"C%d","id.orig_h":%q,"id.orig_p":%d,"id.resp_h":%q,"id.resp_p":443,"proto":"tcp","duration":0.5,"conn_state":"SF","history":"ShADadFf","orig_pkts":9,"resp_pkts":9,"orig_ip_bytes":900,"resp_ip_bytes":900}`+"\n",
			1_600_000_000+10*i, i, client, 40_000+i, host)
	}
	return b.String()
}

// set writes logs and the list of them, of class, expected rule and name, and returns its cases.
func set(t *testing.T, logs map[[3]string]string) []evaluate.Case {
	t.Helper()
	dir := t.TempDir()
	list := "side\tclass\tlabel\texpect\tfile\n"
	for at, text := range logs {
		if err := os.WriteFile(filepath.Join(dir, at[2]), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("dev\t%s\t%s\t%s\t%s\n", at[0], at[2], at[1], at[2])
	}
	path := filepath.Join(dir, "files.tsv")
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := evaluate.ReadSet(path)
	if err != nil {
		t.Fatal(err)
	}
	return evaluate.Cases(files)
}

// TestEvaluate_past gives what is new to qubes with a past: it is found if most of them have never
// done it, and a qube that goes on as before has done nothing new.
func TestEvaluate_past(t *testing.T) {
	t.Parallel()
	mail, web := []string{"198.51.100.1", "192.0.2.1", "198.51.100.1", "192.0.2.1"}, []string{"203.0.113.1", "192.0.2.1", "203.0.113.1", "192.0.2.1"}
	table := evaluate.Evaluate(set(t, map[[3]string]string{
		{"benign", "", "mail.log"}:         contacts("10.0.0.5", append(mail, mail...)...),
		{"benign", "", "web.log"}:          contacts("10.0.0.6", append(web, "203.0.113.1", "192.0.2.1", "198.18.5.1", "203.0.113.1")...),
		{"benign", "", "quiet.log"}:        "",
		{"mal", "first-seen", "new.log"}:   contacts("172.16.0.9", "198.18.7.7"),
		{"mal", "first-seen", "known.log"}: contacts("172.16.0.9", "192.0.2.7"), // the network is known to both
		{"mal", "first-seen", "half.log"}:  contacts("172.16.0.9", "198.51.100.7"),
	}))
	s := table.Scores[behaviour.FirstSeen]
	if table.Pasts != 2 || s.Expected != 3 || s.Found != 1 || s.Runs != 6 || s.Hits != 3 || s.Goes != [2]int{1, 0} {
		t.Errorf("%d pasts, score = %+v; want one of three found, in three of six runs, and one past that goes on with something new", table.Pasts, s)
	}
	if got := s.Precision(); got != 0.5 {
		t.Errorf("precision = %g; want 0.5", got)
	}
	if len(table.Missed()) != 2 || strings.Contains(strings.Join(table.Missed(), " "), "new.log") {
		t.Errorf("missed = %v; want known.log and half.log", table.Missed())
	}
	var text strings.Builder
	if err := table.Write(&text); err != nil {
		t.Fatal(err)
	}
	want := "with 2 pasts of one purpose, each the first half of a benign file on 8 days:\n" +
		"  first-seen: found in 50 % of 6 runs of files that expect it; in 1 second halves of the benign files, 0 at medium or above\n"
	if !strings.Contains(text.String(), want) {
		t.Errorf("table mismatch (-want +got):\n%s", cmp.Diff(want, text.String()))
	}
}
