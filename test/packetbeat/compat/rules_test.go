package compat_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// rule says in which way the flows of a capture may differ.
type rule string

// compatRules reads the first table of docs/packetbeat-compat.md: the document
// that users read is what the test goes by.
func compatRules(t *testing.T) map[string]rule {
	t.Helper()
	f, err := os.Open(fixture.Repository(t, "docs", "packetbeat-compat.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rules := map[string]rule{}
	for s := bufio.NewScanner(f); s.Scan(); {
		cells := strings.Split(s.Text(), "|")
		if len(cells) == 7 && strings.TrimSpace(cells[1]) != "capture" && !strings.HasPrefix(cells[1], "--") {
			rules[strings.TrimSpace(cells[1])] = rule(strings.TrimSpace(cells[2]))
		}
	}
	return rules
}

// allows reports whether the rule allows flows that differ in this way.
func (r rule) allows(theirs, ours []line) bool {
	switch r {
	case "not-ip":
		return len(ours) == 0 && all(theirs, func(l line) bool { return l.src == "" && l.dst == "" })
	case "initiator":
		return len(theirs) == len(ours) && all(theirs, func(l line) bool { return contains(ours, l.swap()) })
	case "ports":
		return len(theirs) == len(ours) && all(ours, func(l line) bool {
			l.communityID = ""
			return contains(theirs, l)
		})
	}
	return sameSums(theirs, ours) && r.allowsSplit(theirs, ours)
}

// allowsSplit reports whether the rule allows that the same packets are in other flows.
func (r rule) allowsSplit(theirs, ours []line) bool {
	switch r {
	case "icmp":
		return len(ours) > len(theirs) &&
			all(ours, func(l line) bool { return strings.Contains(l.transport, "icmp") })
	case "late":
		return all(theirs, func(l line) bool {
			return !all(ours, func(o line) bool { return o.communityID != l.communityID })
		})
	case "merged":
		return len(ours) < len(theirs) &&
			all(theirs, func(l line) bool { return l.communityID == ours[0].communityID })
	}
	return false
}

// sameSums reports whether the counts between each pair of hosts are the same.
func sameSums(theirs, ours []line) bool {
	type sum struct{ packets, bytes uint64 }
	total := map[string]sum{}
	for _, l := range theirs {
		s := total[l.hosts()]
		total[l.hosts()] = sum{s.packets + l.packets(), s.bytes + l.bytes()}
	}
	for _, l := range ours {
		s := total[l.hosts()]
		total[l.hosts()] = sum{s.packets - l.packets(), s.bytes - l.bytes()}
	}
	for _, s := range total {
		if s != (sum{}) {
			return false
		}
	}
	return true
}

func all(lines []line, ok func(line) bool) bool {
	for _, l := range lines {
		if !ok(l) {
			return false
		}
	}
	return true
}

func contains(lines []line, want line) bool {
	for _, l := range lines {
		if l == want {
			return true
		}
	}
	return false
}
