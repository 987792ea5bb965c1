package resolver_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// tsv returns the rows of the query log of today for a client, as blocky's users
// read them: by day and name.
func tsv(t testing.TB, w *world, suffix string) [][]string {
	t.Helper()
	if err := w.tsv.Flush(time.Now(), true); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(w.dir, "tsv", w.day+"_"+suffix+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = '\t', 11
	list, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// logged holds which rows the query log has of a client; "*" stands for anything.
func logged(suffix string, want ...[]string) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		got := tsv(t, w, suffix)
		for i, row := range want {
			for j := range row {
				row[j] = w.names.Replace(row[j])
				if row[j] == "*" && i < len(got) {
					row[j] = got[i][j]
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", suffix, diff)
		}
	}
}

// files holds which files the query log has.
func files(want ...string) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		if err := w.tsv.Flush(time.Now(), true); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(filepath.Join(w.dir, "tsv"))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, e := range entries {
			got = append(got, strings.ReplaceAll(e.Name(), w.day, "TODAY"))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the files: mismatch (-want +got):\n%s", diff)
		}
	}
}

// old puts files of former days into the query log.
func old(ages ...int) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		for _, days := range ages {
			day := time.Now().AddDate(0, 0, -days).Format(time.DateOnly)
			write(t, filepath.Join(w.dir, "tsv", day+"_kiosk.log"), "")
		}
		write(t, filepath.Join(w.dir, "tsv", "2001-01-01_notes.txt"), "")
		write(t, filepath.Join(w.dir, "tsv", "other.log"), "")
	}
}

// queryLogRows hold what blocky's query log says.
func queryLogRows() []row {
	const yaml = "{tsv: {dir: \"$DIR/tsv\"}, no_types: [AAAA], fqdn_only: true, lists: {ads: {deny: [\"*.bad.example\\nbad.example\\n\"]}}}"
	const strict = "{tsv: {dir: \"$DIR/tsv\", strict_blocky: true}, no_types: [AAAA], fqdn_only: true}"
	dir := map[string]string{"tsv/.keep": ""}
	row11 := func(address, name, reason, question, answer, code, kind, qtype string) []string {
		return []string{"*", address, name, "*", reason, question, answer, code, kind, qtype, "instance"}
	}
	return []row{
		{id: "G1", name: "a row has eleven columns", yaml: yaml, files: dir, steps: []step{
			{from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{from: "kiosk", q: "WWW.example A", want: "NOERROR | WWW.example. ~300 A 93.184.216.34"},
			{from: "kiosk", q: "www.example MX", want: "NOERROR | www.example. 300 MX 10 mail.example."},
			{from: "kiosk", q: "sub.bad.example A", want: "NOERROR | sub.bad.example. 600 A 0.0.0.0 | EDE 15"},
			{from: "kiosk", q: "none.example A", want: "NXDOMAIN | SOA 60"},
			{do: logged("kiosk",
				row11("127.10.0.4", "kiosk", "RESOLVED (udp://$up)", "www.example.", "A (93.184.216.34)", "NOERROR", "RESOLVED", "A"),
				row11("127.10.0.4", "kiosk", "CACHED", "WWW.example.", "A (93.184.216.34)", "NOERROR", "CACHED", "A"),
				row11("127.10.0.4", "kiosk", "RESOLVED (udp://$up)", "www.example.", "www.example. 300 IN MX 10 mail.example.", "NOERROR", "RESOLVED", "MX"),
				row11("127.10.0.4", "kiosk", "BLOCKED (ads: *.bad.example)", "sub.bad.example.", "A (0.0.0.0)", "NOERROR", "BLOCKED", "A"),
				row11("127.10.0.4", "kiosk", "RESOLVED (udp://$up)", "none.example.", "", "NXDOMAIN", "RESOLVED", "A"))},
		}},
		{id: "G1", name: "a file for each client, a client without a name by its address", yaml: yaml, files: dir, steps: []step{
			{from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{from: "127.43.0.9", q: "www.example A", want: "NOERROR | www.example. ~300 A 93.184.216.34"},
			{do: files(".keep", "TODAY_127_43_0_9.log", "TODAY_kiosk.log")},
		}},
		// blocky mixes clients whose names are alike but for what it replaces.
		{id: "G1", name: "names in file names are escaped, and not mixed", yaml: yaml, files: dir, steps: []step{
			{from: "web.one", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{from: "web_one", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{from: "web_one", q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{do: logged("web_one", row11("127.10.0.8", "web.one", "RESOLVED (udp://$up)", "www.example.", "A (93.184.216.34)", "NOERROR", "RESOLVED", "A"))},
			{do: func(t testing.TB, w *world) {
				found, _ := filepath.Glob(filepath.Join(w.dir, "tsv", "*_web_one-????????.log"))
				if len(found) != 1 {
					t.Errorf("the second client has the files %v; want one, with a hash", found)
				}
			}},
		}},
		{id: "G1", name: "a name with odd bytes does not break a row", yaml: yaml, files: dir, steps: []step{
			{from: "kiosk", q: `a\009b\010c\000.example A`, want: "NXDOMAIN | SOA 60"},
			{do: func(t testing.TB, w *world) {
				if rows := tsv(t, w, "kiosk"); len(rows) != 1 || strings.ContainsAny(rows[0][5], "\t\n\x00") || !strings.HasSuffix(rows[0][5], ".example.") {
					t.Errorf("the query log has %q; want one row, with the bytes escaped", rows)
				}
			}},
		}},
		{id: "G1", name: "old files go, and nothing else", yaml: "{tsv: {dir: \"$DIR/tsv\", retention_days: 3}}", files: dir, steps: []step{
			{do: old(0, 2, 4, 30), from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{do: func(t testing.TB, w *world) {
				files(".keep", "2001-01-01_notes.txt", time.Now().AddDate(0, 0, -2).Format(time.DateOnly)+"_kiosk.log", "TODAY_kiosk.log", "other.log")(t, w)
			}},
		}},
		{id: "G1", name: "without a retention nothing goes", yaml: yaml, files: dir, steps: []step{
			{do: old(400), from: "kiosk", q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34"},
			{do: func(t testing.TB, w *world) {
				files(".keep", "2001-01-01_notes.txt", time.Now().AddDate(0, 0, -400).Format(time.DateOnly)+"_kiosk.log", "TODAY_kiosk.log", "other.log")(t, w)
			}},
		}},
		{id: "G1", name: "what blocky does not log stays out where that is wanted", yaml: strict, files: dir, steps: []step{
			{from: "kiosk", q: "www.example AAAA", want: "NOERROR | SOA 600 | EDE 17"},
			{from: "kiosk", q: "nas A", want: "NXDOMAIN | SOA 600 | EDE 17"},
			{from: "kiosk", q: "www.example A +class=CHAOS", want: "REFUSED"},
			{from: "kiosk", q: "localhost.localhost A", want: "NOERROR | localhost.localhost. 3600 A 127.0.0.1 | EDE 29"},
			{do: logged("kiosk", row11("127.10.0.4", "kiosk", "Special-Use Domain Name", "localhost.localhost.", "A (127.0.0.1)", "NOERROR", "SPECIAL", "A"))},
		}},
		{id: "G1", name: "a writer that does not keep up costs entries, not answers", yaml: `log: {queue: 16}`, steps: []step{
			{do: func(t testing.TB, w *world) {
				for range 20 {
					q := "localhost A"
					if r := w.ask(t.(*testing.T), q, &step{q: q}); r.Msg == nil {
						t.Error("there is no answer")
					}
				}
				dnstest.Until(t, "all have been noted", func() bool { return w.Stats().Log.In == 20 })
				if s := w.Stats().Log; s.Dropped != 12 || s.Waiting != 8 {
					t.Errorf("of 20 entries %d were dropped and %d wait; want 12 and the client's share of 8", s.Dropped, s.Waiting)
				}
			}},
		}},
		{id: "G1", name: "a directory that is not there is an error", yaml: "{tsv: {dir: \"$DIR/none\"}}", fails: "is not a directory"},
		{id: "G1", name: "a retention below 0 is refused", yaml: "{tsv: {dir: \"$DIR\", retention_days: -1}}", fails: "tsv.retention_days: -1 is below 0"},
		{id: "G1", name: "one file for all clients", skip: "there is a file for each client always: they are joined more easily than parted"},
		{id: "G1", name: "a subset of the columns", skip: "there is no choice of columns: events have processors for that"},
		{id: "G1", name: "names of special use left out", skip: "there is no choice of entries: events have processors for that"},

		// blocky at 0.28.2 does not log these at all, and later counts them under the
		// client's address.
		{id: "G2", name: "filtered and refused queries have the client's name", yaml: strings.Replace(yaml, "{", "{timeout: 100ms, budget: 200ms, ", 1), files: dir, up: map[string]script{"up": dnstest.Silent}, steps: []step{
			{from: "kiosk", q: "www.example AAAA", want: "NOERROR | SOA 600 | EDE 17", log: "FILTERED | FILTERED (qtype)"},
			{from: "kiosk", q: "nas A", want: "NXDOMAIN | SOA 600 | EDE 17", log: "NOTFQDN | NOTFQDN"},
			{from: "kiosk", q: "www.example A +class=CHAOS", want: "REFUSED", log: "ERROR | ERROR (protocol)"},
			{from: "kiosk", q: "www.example A", want: "SERVFAIL | EDE 22"},
			{do: logged("kiosk",
				row11("127.10.0.4", "kiosk", "FILTERED (qtype)", "www.example.", "", "NOERROR", "FILTERED", "AAAA"),
				row11("127.10.0.4", "kiosk", "NOTFQDN", "nas.", "", "NXDOMAIN", "NOTFQDN", "A"),
				row11("127.10.0.4", "kiosk", "ERROR (protocol)", "www.example.", "", "REFUSED", "ERROR", "A"),
				row11("127.10.0.4", "kiosk", "*", "www.example.", "", "SERVFAIL", "ERROR", "A"))},
			{do: func(t testing.TB, w *world) {
				if s := w.Stats(); s.Received != 4 || s.Actions[2] != 2 {
					t.Errorf("the counters have %d queries and %d blocked; want 4 and 2", s.Received, s.Actions[2])
				}
			}},
		}},
	}
}
