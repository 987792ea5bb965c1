package nftpath_test

import (
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/nftpath"
)

// query is the first packet of a query of a qube.
func query(proto string) nftpath.Packet {
	return nftpath.Packet{Iface: "vif4.0", Group: 2, Src: netip.MustParseAddr("10.137.0.6"), Dst: netip.MustParseAddr("10.139.1.1"), Proto: proto, DstPort: 53}
}

// redirect is our own chain, as nft prints it.
const redirect = `{"chain":{"family":"ip","table":"qubes","name":"ours","handle":1,"type":"nat","hook":"prerouting","prio":-101,"policy":"accept"}},
	{"rule":{"family":"ip","table":"qubes","chain":"ours","handle":2,"expr":[
		{"match":{"op":"==","left":{"meta":{"key":"iifgroup"}},"right":2}},
		{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"set":["10.139.1.1","10.139.1.2"]}}},
		{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":{"set":["tcp","udp"]}}},
		{"match":{"op":"==","left":{"payload":{"protocol":"th","field":"dport"}},"right":53}},
		{"counter":{"packets":0,"bytes":0}},{"redirect":{"port":5353}}]}}`

// input returns a chain of the input hook with a rule.
func input(expr string) string {
	return `,{"chain":{"family":"inet","table":"x","name":"i","handle":3,"type":"filter","hook":"input","prio":0,"policy":"accept"}},
		{"rule":{"family":"inet","table":"x","chain":"i","handle":4,"comment":"mine","expr":[` + expr + `]}}`
}

// TestTrace follows a query through our redirection and a rule behind it. The whole of
// the model is compared with the kernel in test/qubes/redirect.
func TestTrace(t *testing.T) {
	t.Parallel()
	const mine = `rule 4 of inet x i ("mine")`
	for _, tt := range []struct {
		name, rules string
		want        nftpath.Result
	}{
		{"delivered", redirect, nftpath.Result{Outcome: nftpath.Delivered, Port: 5353}},
		{"no rules", `{"metainfo":{"version":"1.0.6"}}`, nftpath.Result{Outcome: nftpath.Forwarded}},
		{"dropped", redirect + input(`{"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":5353}},{"drop":null}`),
			nftpath.Result{Outcome: nftpath.Dropped, Rule: mine}},
		{"another port", redirect + input(`{"match":{"op":"!=","left":{"payload":{"protocol":"udp","field":"dport"}},"right":5353}},{"drop":null}`),
			nftpath.Result{Outcome: nftpath.Delivered, Port: 5353}},
		{"a condition that is not known", redirect + input(`{"match":{"op":"==","left":{"meta":{"key":"skuid"}},"right":0}},{"drop":null}`),
			nftpath.Result{Outcome: nftpath.Unknown, Rule: mine}},
		{"and that does not decide", redirect + input(`{"match":{"op":"==","left":{"meta":{"key":"skuid"}},"right":0}},{"counter":null}`),
			nftpath.Result{Outcome: nftpath.Delivered, Port: 5353}},
		{"a statement that is not known", redirect + input(`{"brandnew":null}`), nftpath.Result{Outcome: nftpath.Unknown, Rule: mine}},
		{"a jump to itself", redirect + input(`{"jump":{"target":"i"}}`), nftpath.Result{Outcome: nftpath.Delivered, Port: 5353}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rs, err := nftpath.Parse([]byte(`{"nftables":[` + tt.rules + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := rs.Trace(query("udp")); got != tt.want {
				t.Errorf("Trace = %+v; want %+v", got, tt.want)
			}
		})
	}
}

// FuzzTrace does not panic, whatever nft prints.
func FuzzTrace(f *testing.F) {
	f.Add(`{"nftables":[` + redirect + input(`{"vmap":{"key":{"payload":{"protocol":"udp","field":"dport"}},"data":{"set":[[5353,{"drop":null}]]}}}`) + `]}`)
	f.Fuzz(func(_ *testing.T, text string) {
		if rs, err := nftpath.Parse([]byte(text)); err == nil {
			rs.Trace(query("udp"))
			rs.Trace(query("tcp"))
		}
	})
}
