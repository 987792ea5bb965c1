package nftrules_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/nftrules"
)

// bare is the ruleset of a netvm without our rules, as nft prints it.
const bare = `{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "ip", "name": "qubes"}},
 {"chain": {"family": "ip", "table": "qubes", "name": "custom-input"}} %s]}`

func state(t *testing.T, more string) *nftrules.State {
	t.Helper()
	s, err := nftrules.ParseState(fmt.Appendf(nil, bare, more))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMake_documentation checks that docs/resolver.md shows the chains for DNS as
// they are installed, comments aside.
func TestMake_documentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/resolver.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```nft\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatal("docs/resolver.md shows no chains")
	}
	plan, err := nftrules.Make(state(t, ""), nftrules.Config{ResolverPort: 5353})
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(` comment "[^"]*"`).ReplaceAllString(plan.Script(), "")
	if got != string(m[1]) {
		t.Errorf("the documentation shows\n%s\ninstalled is\n%s", m[1], got)
	}
}

func TestMake_notQubes(t *testing.T) {
	t.Parallel()
	s, err := nftrules.ParseState([]byte(`{"nftables": []}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nftrules.Make(s, nftrules.Config{ResolverPort: 5353}); err == nil || !strings.Contains(err.Error(), "not a netvm") {
		t.Errorf("Make = %v", err)
	}
	if script := nftrules.Undo(s).Script(); script != "" {
		t.Errorf("Undo = %s; want nothing", script)
	}
}

// TestMake_leftover checks that rules which the configuration no longer selects are removed.
func TestMake_leftover(t *testing.T) {
	t.Parallel()
	s := state(t, `, {"chain": {"family": "ip", "table": "qubes", "name": "custom-qubesbeat-dns"}},
 {"rule": {"family": "ip", "table": "qubes", "chain": "custom-input", "handle": 7, "expr": [{"jump": {"target": "custom-qubesbeat-input"}}]}}`)
	plan, err := nftrules.Make(s, nftrules.Config{})
	want := "flush chain ip qubes custom-qubesbeat-dns\ndelete chain ip qubes custom-qubesbeat-dns\ndelete rule ip qubes custom-input handle 7\n"
	if err != nil || plan.Script() != want {
		t.Errorf("Make = %v\n%s", err, plan.Script())
	}
}

// TestMake_sink installs the table that drops canaries, keeps it, and removes it.
func TestMake_sink(t *testing.T) {
	t.Parallel()
	plan, err := nftrules.Make(state(t, ""), nftrules.Config{Sink: true})
	if err != nil {
		t.Fatal(err)
	}
	script := plan.Script()
	for _, want := range []string{"hook forward priority filter - 2; policy accept;", "add rule inet qubesbeat-sink forward iifgroup 2 ip daddr 192.0.2.0/24 counter drop",
		"add rule inet qubesbeat-sink forward iifgroup 2 ip6 daddr 2001:db8::/32 counter drop"} {
		if !strings.Contains(script, want) {
			t.Errorf("no %q in\n%s", want, script)
		}
	}
	if strings.Contains(script, "qubes custom") || strings.Contains(script, "inet qubesbeat ") {
		t.Errorf("the plan touches other rules:\n%s", script)
	}
	comments := regexp.MustCompile(`comment "([^"]*)"`).FindAllStringSubmatch(script, -1)
	more := `, {"table": {"family": "inet", "name": "qubesbeat-sink"}}`
	for _, c := range comments {
		more += fmt.Sprintf(`, {"rule": {"family": "inet", "table": "qubesbeat-sink", "chain": "forward", "comment": %q, "expr": []}}`, c[1])
	}
	for _, tt := range []struct {
		sink bool
		want string
	}{{true, ""}, {false, "delete table inet qubesbeat-sink\n"}} {
		plan, err := nftrules.Make(state(t, more), nftrules.Config{Sink: tt.sink})
		if err != nil || plan.Script() != tt.want {
			t.Errorf("with sink %v: %v\n%s", tt.sink, err, plan.Script())
		}
	}
	if got := nftrules.Undo(state(t, more)).Script(); got != "delete table inet qubesbeat-sink\n" {
		t.Errorf("Undo = %s", got)
	}
}

func TestParseState_bad(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"nftables": 1}`, `{"nftables": [{"rule": 1}]}`, `{"nftables": [{"set": {"name": 1}}]}`} {
		if _, err := nftrules.ParseState([]byte(text)); err == nil {
			t.Errorf("ParseState(%s) has no error", text)
		}
	}
}

func FuzzParseState(f *testing.F) {
	f.Add(fmt.Appendf(nil, bare, ""))
	f.Add([]byte(`{"nftables": [{"set": {"family": "ip", "table": "qubes", "name": "allowed", "elem": [{"concat": ["vif4.0", "10.137.0.6"]}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := nftrules.ParseState(data)
		if err != nil {
			return
		}
		_ = s.Clients()
		_ = nftrules.Undo(s).Script()
		_ = nftrules.Status(s, nftrules.Config{ResolverPort: 1, NFLogGroup: 1}, nftrules.Facts{})
	})
}

// TestCase20_jump_moves puts our jump in front of the user's rules.
func TestCase20_jump_moves(t *testing.T) {
	t.Parallel()
	const ruleset = `{"nftables":[{"table":{"family":"ip","name":"qubes"}},{"chain":{"family":"ip","table":"qubes","name":"custom-input"}},
		{"chain":{"family":"ip","table":"qubes","name":"custom-qubesbeat-input"}},
		{"rule":{"family":"ip","table":"qubes","chain":"custom-input","handle":9,"expr":[{"drop":null}]}},
		{"rule":{"family":"ip","table":"qubes","chain":"custom-input","handle":7,"comment":"qubesbeat","expr":[{"jump":{"target":"custom-qubesbeat-input"}}]}}]}`
	s, err := nftrules.ParseState([]byte(ruleset))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := nftrules.Make(s, nftrules.Config{ResolverPort: 5353})
	if err != nil {
		t.Fatal(err)
	}
	const want = "delete rule ip qubes custom-input handle 7\ninsert rule ip qubes custom-input jump custom-qubesbeat-input comment \"qubesbeat\"\n"
	if got := plan.Script(); !strings.HasSuffix(got, want) {
		t.Errorf("the plan ends with %q; want %q", got, want)
	}
}
