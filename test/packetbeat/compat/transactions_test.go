package compat_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// tally counts how the transactions of a protocol compare.
type tally struct{ equal, explained, unexplained int }

// TestTransactions_packetbeat compares every transaction that packetbeat makes of
// its captures with ours.
func TestTransactions_packetbeat(t *testing.T) {
	t.Parallel()
	baseline, captures, rules := fixture.Shared(t, "baseline", "events"), beatsCaptures(t), transactionRules(t)
	var mu sync.Mutex
	sums := map[string]*tally{}
	t.Run("captures", func(t *testing.T) {
		for name, path := range captures {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want := transactions(beat.ReadFile(t, filepath.Join(baseline, name+".ndjson")))
				got := replay(t, beat.AllProtocols, path)
				theirs, ours := without(want, got), without(got, want)
				rule, known := rules[name]
				mu.Lock()
				defer mu.Unlock()
				add(sums, want, func(s *tally) { s.equal++ })
				add(sums, theirs, func(s *tally) { s.equal-- })
				switch {
				case len(theirs) == 0 && len(ours) == 0:
					if known {
						t.Errorf("docs/packetbeat-compat.md explains a difference that is not there")
					}
				case known && rule.explains(theirs, ours):
					add(sums, slices.Concat(theirs, ours), func(s *tally) { s.explained++ })
				default:
					add(sums, slices.Concat(theirs, ours), func(s *tally) { s.unexplained++ })
					t.Error(differences(theirs, ours))
				}
			})
		}
	})
	for _, kind := range slices.Sorted(maps.Keys(sums)) {
		s := sums[kind]
		t.Logf("%-10s %4d equal, %d explained, %d unexplained", kind, s.equal, s.explained, s.unexplained)
	}
}

// TestTransactions_strict cuts a capture behind a request. The request is
// reported when the beat stops; with compat.strict it is forgotten, as packetbeat
// forgets it.
func TestTransactions_strict(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(beatsCaptures(t)["hide_secret_GET"])
	if err != nil {
		t.Fatal(err)
	}
	const header = 24 // of the file; the request is the first packet
	end := header + 16 + int(binary.LittleEndian.Uint32(data[header+8:]))
	capture := filepath.Join(t.TempDir(), "request.pcap")
	if err := os.WriteFile(capture, data[:end], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := replay(t, beat.AllProtocols, capture); len(got) != 1 || !reasons(got, "Unmatched request") {
		t.Errorf("transactions = %v; want an unmatched request", got)
	}
	if got := replay(t, beat.AllProtocols+"packetbeat.compat.strict: true\n", capture); len(got) != 0 {
		t.Errorf("transactions with compat.strict = %v; want none", got)
	}
}

// add applies a change to the sum of each document's type.
func add(sums map[string]*tally, docs []document, change func(*tally)) {
	for _, d := range docs {
		kind := fmt.Sprint(d["type"])
		if sums[kind] == nil {
			sums[kind] = new(tally)
		}
		change(sums[kind])
	}
}

// transactionRule says in which way the transactions of a capture may differ.
type transactionRule string

// transactionRules reads the second table of docs/packetbeat-compat.md, which
// has four columns.
func transactionRules(t *testing.T) map[string]transactionRule {
	t.Helper()
	f, err := os.Open(fixture.Repository(t, "docs", "packetbeat-compat.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rules := map[string]transactionRule{}
	section := false
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "## ") {
			section = s.Text() == "## Transactions of packetbeat's captures that differ"
		}
		cells := strings.Split(s.Text(), "|")
		if section && len(cells) == 6 && strings.TrimSpace(cells[1]) != "capture" && !strings.HasPrefix(cells[1], "--") {
			rules[strings.TrimSpace(cells[1])] = transactionRule(strings.TrimSpace(cells[2]))
		}
	}
	return rules
}

// explains reports whether the difference is what the rule allows.
func (r transactionRule) explains(theirs, ours []document) bool {
	switch r {
	case "unanswered": // ten seconds of the capture's time pass, and none of packetbeat's
		return len(theirs) == 0 && reasons(ours, "Unmatched request")
	case "cut": // frames that the capture has cut
		return len(ours) == 0 && reasons(theirs, "Unmatched response")
	}
	return false
}

func reasons(docs []document, message string) bool {
	for _, d := range docs {
		if d["error.message"] != message {
			return false
		}
	}
	return true
}
