package nftrules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/nftrules"
)

// isolationRules is a ruleset of Qubes; the two %s are rules of custom-forward and forward.
const isolationRules = `{"nftables": [
	{"table": {"family": "ip", "name": "qubes"}},
	{"chain": {"family": "ip", "table": "qubes", "name": "forward"}},
	{"chain": {"family": "ip", "table": "qubes", "name": "custom-input"}},
	{"chain": {"family": "ip", "table": "qubes-firewall", "name": "forward"}},
	{"chain": {"family": "ip", "table": "qubes-firewall", "name": "qbs-10-137-0-6"}},
	{"chain": {"family": "ip6", "table": "qubes-firewall", "name": "qbs-fd09--6"}},
	{"chain": {"family": "ip", "table": "qubes-firewall", "name": "qbs-10-137-0-9"}},
	{"rule": {"family": "ip", "table": "qubes-firewall", "chain": "forward", "handle": 7, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.137.0.6"}}, {"jump": {"target": "qbs-10-137-0-6"}}]}},
	{"rule": {"family": "ip6", "table": "qubes-firewall", "chain": "qubes-forward", "handle": 8, "expr": [{"jump": {"target": "qbs-fd09--6"}}]}},
	{"rule": {"family": "ip", "table": "qubes", "chain": "forward", "handle": 1, "expr": [{"jump": {"target": "custom-forward"}}]}},
	{"rule": {"family": "ip", "table": "qubes", "chain": "forward", "handle": 2, "expr": [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}]}}
	%s%s
	,{"rule": {"family": "ip6", "table": "qubes", "chain": "forward", "handle": 9, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "oifgroup"}}, "right": 2}}, {"counter": {"packets": 1, "bytes": 2}}, {"drop": null}]}}
]}`

const dropRule = `,{"rule": {"family": "ip", "table": "qubes", "chain": "forward", "handle": 3, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "oifgroup"}}, "right": 2}}, {"counter": {"packets": 7, "bytes": 9}}, {"drop": null}]}}`

// acceptRule is a rule of custom-forward with a match of a key.
func acceptRule(key, value string) string {
	return fmt.Sprintf(`,{"rule": {"family": "ip", "table": "qubes", "chain": "custom-forward", "handle": 4, "expr": [{"match": {"op": "==", "left": {"meta": {"key": %q}}, "right": %s}}, {"accept": null}]}}`, key, value)
}

// TestState_Isolation finds the rule that drops, and rules before it that accept.
func TestState_Isolation(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		custom, forward string
		drops           bool
		accepts         string
	}{
		"stock":                {"", dropRule, true, ""},
		"flushed":              {"", "", false, ""},
		"an accept":            {acceptRule("iifname", `"vif4.0"`), dropRule, true, "ip qubes custom-forward: iifname vif4.0 accept"},
		"an accept for uplink": {acceptRule("oifgroup", "1"), dropRule, true, ""},
	} {
		s, err := nftrules.ParseState(fmt.Appendf(nil, isolationRules, tt.custom, tt.forward))
		if err != nil {
			t.Fatal(err)
		}
		i := s.Isolation()
		if i.Drops4 != tt.drops || !i.Drops6 || strings.Join(i.Accepts, ";") != tt.accepts || !i.Firewall || !i.Qubes || len(i.Chains) != 2 {
			t.Errorf("%s: %+v", name, i)
		}
	}
}

// TestState_Isolation_digest changes with the rules and not with their counters.
func TestState_Isolation_digest(t *testing.T) {
	t.Parallel()
	digest := func(forward string) uint64 {
		s, err := nftrules.ParseState(fmt.Appendf(nil, isolationRules, "", forward))
		if err != nil {
			t.Fatal(err)
		}
		return s.Isolation().Digest
	}
	counted := strings.Replace(dropRule, `"packets": 7`, `"packets": 8`, 1)
	if digest(dropRule) != digest(counted) || digest(dropRule) == digest("") {
		t.Error("the digest follows the counters, or not the rules")
	}
}
