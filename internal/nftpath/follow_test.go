package nftpath_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/nftpath"
)

// ours is a ruleset with our redirection and an input chain that accepts. More objects
// follow it.
const ours = `{"nftables": [
 {"table": {"family": "ip", "name": "qubes"}},
 {"chain": {"family": "ip", "table": "qubes", "name": "dns", "type": "nat", "hook": "prerouting", "prio": -101, "policy": "accept"}},
 {"rule": {"family": "ip", "table": "qubes", "chain": "dns", "handle": 1, "expr": [
  {"match": {"op": "==", "left": {"meta": {"key": "iifgroup"}}, "right": 2}},
  {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"set": ["10.139.1.1", "10.139.1.2"]}}},
  {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": ["tcp", "udp"]}}},
  {"match": {"op": "==", "left": {"payload": {"protocol": "th", "field": "dport"}}, "right": 53}},
  {"counter": {"packets": 0, "bytes": 0}}, {"redirect": {"port": 5353}}]}}`

// chain returns a base chain with one rule.
func chain(family, hook, kind string, prio int, expr string) string {
	return fmt.Sprintf(`{"table": {"family": %[1]q, "name": "user"}},
 {"chain": {"family": %[1]q, "table": "user", "name": "sub"}},
 {"rule": {"family": %[1]q, "table": "user", "chain": "sub", "handle": 8, "expr": [{"drop": null}]}},
 {"chain": {"family": %[1]q, "table": "user", "name": "c", "type": %[2]q, "hook": %[3]q, "prio": %[4]d, "policy": "accept"}},
 {"rule": {"family": %[1]q, "table": "user", "chain": "c", "handle": 9, "expr": [%[5]s]}}`, family, kind, hook, prio, expr)
}

// condition returns a condition on a field of a header.
func condition(protocol, field, op, right string) string {
	return fmt.Sprintf(`{"match": {"op": %q, "left": {"payload": {"protocol": %q, "field": %q}}, "right": %s}}`, op, protocol, field, right)
}

const drop = `, {"drop": null}`

// TestRuleset_Follow follows a query over UDP through chains of one rule.
func TestRuleset_Follow(t *testing.T) {
	t.Parallel()
	filter := func(expr string) string { return chain("ip", "prerouting", "filter", -150, expr) }
	port53 := condition("udp", "dport", "==", "53")
	for _, tt := range []struct{ name, objects, want string }{
		{"nothing else", "", ""},
		{"drop", filter(port53 + drop), "certain c 9 drops it"},
		{"another port", filter(condition("udp", "dport", "==", "54") + drop), ""},
		{"not another port", filter(condition("udp", "dport", "!=", "54") + drop), "certain c 9 drops it"},
		{"TCP, even if it is not this port", filter(condition("tcp", "dport", "!=", "54") + drop), ""},
		{"a prefix", filter(condition("ip", "daddr", "==", `{"prefix": {"addr": "10.139.0.0", "len": 16}}`) + drop), "certain c 9 drops it"},
		{"a range of addresses", filter(condition("ip", "daddr", "==", `{"range": ["10.139.1.1", "10.139.1.9"]}`) + drop), "certain c 9 drops it"},
		{"greater", filter(condition("udp", "dport", ">", "52") + drop), "certain c 9 drops it"},
		{"less", filter(condition("udp", "dport", "<", "53") + drop), ""},
		{"what is not known", filter(condition("ip", "ttl", "==", "64") + drop), "doubt c 9 drops it"},
		{"what is not known, and what does not hold", filter(condition("ip", "ttl", "==", "64") + "," + condition("udp", "dport", "==", "80") + drop), ""},
		{"an expression of the future", filter(port53 + `, {"teleport": {"to": "mars"}}`), `doubt c 9 has a part that is not understood here ("teleport")`},
		{"a condition of the future", filter(`{"match": {"op": "==", "left": {"aura": {"key": "x"}}, "right": "red"}}` + drop), "doubt c 9 drops it"},
		{"what iptables has", filter(`{"xt": null}`), `doubt c 9 has a part that is not understood here ("xt")`},
		{"a set that was not listed", filter(condition("ip", "saddr", "==", `"@blocked"`) + drop), "doubt c 9 drops it"},
		{"jump", filter(`{"jump": {"target": "sub"}}`), "certain sub 8 drops it"},
		{"goto", filter(port53 + `, {"goto": {"target": "sub"}}`), "certain sub 8 drops it"},
		{"jump to nowhere", filter(`{"jump": {"target": "gone"}}`), "doubt c 9 leads to the chain gone, which is not listed"},
		{"queue", filter(port53 + `, {"queue": {"num": 3, "flags": "bypass"}}`), "doubt c 9 leaves it to a program (queue)"},
		{"tproxy", filter(port53 + `, {"tproxy": {"port": 1053}}, {"accept": null}`), "doubt c 9 leaves it to a proxy, if one listens (tproxy)"},
		{"verdict map", filter(`{"vmap": {"key": {"payload": {"protocol": "udp", "field": "dport"}}, "data": {"set": [[{"range": [1, 100]}, {"drop": null}]]}}}`),
			"certain c 9 drops it"},
		{"verdict map that was not listed", filter(`{"vmap": {"key": {"meta": {"key": "mark"}}, "data": "@m"}}`), "doubt c 9 has a map that cannot be read"},
		{"flags of a connection", filter(`{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new", "established"]}}` + drop), "certain c 9 drops it"},
		{"connection before the tracking", chain("ip", "prerouting", "filter", -300, `{"match": {"op": "!=", "left": {"ct": {"key": "mark"}}, "right": 1}}`+drop), ""},
		{"translated elsewhere", chain("ip", "prerouting", "nat", -110, port53+`, {"dnat": {"addr": "10.64.0.1", "port": 5353}}`),
			"certain c 9 takes it first and sends it to port 5353 of 10.64.0.1"},
		{"translated to what a map says", chain("ip", "prerouting", "nat", -110,
			`{"dnat": {"addr": {"map": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "data": "@m"}}}}`), "doubt c 9 translates it to what a map says"},
		{"translated to us", chain("ip", "prerouting", "nat", -110, port53+`, {"dnat": {"addr": "10.137.0.5", "port": 5353}}`), ""},
		{"translated to us at another port", chain("ip", "prerouting", "nat", -110, port53+`, {"redirect": {"port": 53}}`),
			"certain c 9 takes it first and sends it to port 53 of this machine"},
		{"a bridge", chain("bridge", "forward", "filter", 0, port53+drop), "doubt c 9 drops it"},
		{"ingress of an interface that is not listed", chain("netdev", "ingress", "filter", 0, port53+drop), "doubt c 9 drops it"},
		{"flowtable", chain("inet", "forward", "filter", 0, port53+`, {"flow": {"op": "add", "flowtable": "@f"}}`), ""},
		{"answers", chain("inet", "output", "filter", 0, condition("udp", "sport", "==", "5353")+drop), "certain c 9 drops it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := follow(t, tt.objects, false); got != tt.want {
				t.Errorf("Follow = %q; want %q", got, tt.want)
			}
		})
	}
}

// TestRuleset_Follow_connection follows the packets of a connection over TCP.
func TestRuleset_Follow_connection(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		`{"match": {"op": "==", "left": {"ct": {"key": "state"}}, "right": "established"}}, {"drop": null}`:                                                     "certain c 9 drops it",
		`{"match": {"op": "==", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["syn", "fin"]]}, "right": ["fin", "syn"]}}, {"drop": null}`: "",
		`{"match": {"op": "==", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, {"|": ["syn", "ack"]}]}, "right": "syn"}}, {"drop": null}`:   "certain c 9 drops it",
		`{"match": {"op": "in", "left": {"payload": {"protocol": "tcp", "field": "flags"}}, "right": "rst"}}, {"drop": null}`:                                   "",
	} {
		if got := follow(t, chain("ip", "prerouting", "filter", -150, expr), true); got != want {
			t.Errorf("%s: Follow = %q; want %q", expr, got, want)
		}
	}
}

// follow returns the first cause in words.
func follow(t *testing.T, objects string, tcp bool) string {
	t.Helper()
	if objects != "" {
		objects = ",\n" + objects
	}
	rs, err := nftpath.Parse([]byte(ours + objects + "]}"))
	if err != nil {
		t.Fatal(err)
	}
	return words(rs.Follow(probe(tcp)))
}

func probe(tcp bool) nftpath.Probe {
	return nftpath.Probe{Vif: "vif4.0", Client: netip.MustParseAddr("10.137.0.6"), Server: netip.MustParseAddr("10.139.1.1"), TCP: tcp,
		Port: 5353, Local: netip.MustParseAddr("10.137.0.5")}
}

func words(causes []nftpath.Cause) string {
	if len(causes) == 0 {
		return ""
	}
	c := causes[0]
	certain := "doubt"
	if c.Certain {
		certain = "certain"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %d %s", certain, c.Chain, c.Handle, c.What))
}

// FuzzParse follows a query through any ruleset: it must end.
func FuzzParse(f *testing.F) {
	f.Add([]byte(ours + "]}"))
	f.Add([]byte(ours + "," + chain("ip", "prerouting", "nat", -110, `{"jump": {"target": "c"}}`) + "]}"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		rs, err := nftpath.Parse(data)
		if err != nil {
			return
		}
		rs.Follow(probe(false))
		rs.Follow(probe(true))
	})
}
