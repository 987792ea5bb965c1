//go:build linux

package redirect_test

import (
	"fmt"
	"strings"
)

// natChain and filterChain return a table with a chain.
func natChain(table, chain string, priority int, rules string) string {
	return fmt.Sprintf("table %s {\n chain %s {\n type nat hook prerouting priority %d;\n%s\n}\n}\n", table, chain, priority, rules)
}

func filterChain(table, hook string, priority int, rules string) string {
	return fmt.Sprintf("table %s {\n chain it {\n type filter hook %s priority %d;\n%s\n}\n}\n", table, hook, priority, rules)
}

// foreignRules are rules of others, the mark that status gives them, if it is not that of
// what happens, and a part of the line about them.
type foreignRules struct{ name, rules, want, names string }

// foreign are rules of others, and the mark that `qubes status` gives them: "ok" only if
// they leave the clients' DNS alone, "!!" only if they surely do not, "??" if nft does not
// say.
var foreign = []foreignRules{
	{"none", "", "ok", ""},
	{"a nat chain of the user before ours", natChain("ip qubes", "custom-dnat-dnscrypt", -110, `iifname "vif*" udp dport 53 dnat to 10.64.0.1`), "!!", "custom-dnat-dnscrypt"},
	{"a nat chain of the user after ours", natChain("ip qubes", "custom-dnat-late", -99, `iifname "vif*" udp dport 53 dnat to 10.64.0.1`), "ok", ""},
	{"a nat chain at our priority", natChain("ip other", "c", -101, `udp dport 53 dnat to 10.64.0.1`), "??", "table ip other"},
	{"nat in the family inet", natChain("inet proxy", "dns_prerouting", -105, `meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 redirect to :1053`), "!!", "port 1053"},
	{"nat for TCP alone", natChain("ip proxy", "c", -190, `tcp dport { 22, 53, 80-90 } redirect to :1053`), "!!", "over TCP"},
	{"nat of another qube", natChain("ip proxy", "c", -190, `ip saddr 10.137.0.99 udp dport 53 redirect to :1053`), "ok", ""},
	{"nat of another port", natChain("ip proxy", "c", -190, `tcp dport 80 redirect to :3128`), "ok", ""},
	{"nat to the resolver itself", natChain("ip mine", "c", -190, `iifname "vif*" meta l4proto { tcp, udp } th dport 53 redirect to :5353`), "ok", ""},
	{"accept in an earlier chain of nat", natChain("ip polite", "c", -190, `udp dport 53 accept`), "ok", ""},
	{"a policy of drop", "table ip guard {\n chain c {\n type filter hook prerouting priority -350; policy drop;\n tcp dport 53 accept\n}\n}\n", "!!", "drops it by its policy"},
	{"raw drop", filterChain("ip raw", "prerouting", -350, `iifname "vif*" udp dport 53 drop`), "!!", "table ip raw"},
	{"drop after the redirection", filterChain("inet mdns", "prerouting", 0, `udp dport { 5353, 5355 } drop`), "!!", "table inet mdns"},
	{"drop of port 53 after the redirection", filterChain("inet late", "prerouting", 0, `udp dport 53 drop`), "ok", ""},
	{"a verdict map", filterChain("inet vm", "prerouting", -150, `udp dport vmap { 53 : drop, 123 : accept }`), "!!", "table inet vm"},
	{"a named verdict map", "table inet vm {\n map m {\n type inet_service : verdict\n elements = { 53 : jump no, 80 : accept }\n}\n chain no {\n drop\n}\n" +
		" chain c {\n type filter hook prerouting priority -150;\n udp dport vmap @m\n}\n}\n", "!!", "chain no"},
	{"a named set", "table inet ns {\n set s {\n type ipv4_addr . inet_service\n flags interval\n elements = { 10.139.0.0/16 . 53 }\n}\n" +
		" chain c {\n type filter hook prerouting priority -150;\n ip daddr . udp dport @s drop\n}\n}\n", "!!", "table inet ns"},
	{"a named set without us", "table inet ns {\n set s {\n type ipv4_addr\n flags interval\n elements = { 192.0.2.0/24 }\n}\n" +
		" chain c {\n type filter hook prerouting priority -150;\n ip saddr @s drop\n}\n}\n", "ok", ""},
	{"a set of interfaces", "table inet ns {\n set s {\n type ifname\n flags interval\n elements = { \"vif*\" }\n}\n" +
		" chain c {\n type filter hook prerouting priority -150;\n iifname @s udp dport 53 drop\n}\n}\n", "!!", ""},
	{"jumps", "table ip deep {\n chain a {\n udp dport 1-100 jump b\n}\n chain b {\n ip daddr 10.139.1.0/24 goto d\n}\n chain d {\n reject\n}\n" +
		" chain c {\n type filter hook input priority -10;\n jump a\n}\n}\n", "ok", ""},
	{"jumps to a drop", "table ip deep {\n chain a {\n udp dport 1-100 jump b\n}\n chain b {\n ip daddr 10.139.1.0/24 goto d\n}\n chain d {\n drop\n}\n" +
		" chain c {\n type filter hook prerouting priority -160;\n jump a\n}\n}\n", "!!", "chain d"},
	{"no tracking", filterChain("ip raw", "prerouting", -350, `udp dport 53 notrack`), "!!", "notrack"},
	{"a state before there is one", filterChain("ip raw", "prerouting", -350, `ct state invalid drop`), "!!", ""},
	{"a state", filterChain("ip fine", "prerouting", -150, `ct state invalid drop`), "ok", ""},
	{"established alone", filterChain("ip odd", "prerouting", -150, `ct state established tcp dport 53 drop`), "!!", "over TCP"},
	{"a mark", filterChain("ip marks", "prerouting", -160, "udp dport 53 meta mark set 0x5\nmeta mark & 0x1 == 0x1 drop"), "!!", ""},
	{"another mark", filterChain("ip marks", "prerouting", -160, "udp dport 80 meta mark set 0x5\nmeta mark 0x5 drop"), "ok", ""},
	{"input of the user's table", filterChain("inet filter", "input", -5, `iifname != "lo" udp dport 5353 reject`), "!!", "table inet filter"},
	{"a later input chain", filterChain("inet filter", "input", 50, `meta l4proto udp drop`), "!!", "table inet filter"},
	{"before our jump", `insert rule ip qubes input iifgroup 2 tcp dport 5353 drop`, "!!", "chain input"},
	{"the answers", filterChain("ip out", "output", 0, `udp sport 5353 drop`), "!!", "answers do not arrive"},
	{"the answers at the end", filterChain("ip out", "postrouting", 150, `oifname "vif4.0" udp sport 53 drop`), "!!", "answers do not arrive"},
	{"answers of other ports", filterChain("ip out", "output", 0, `udp sport 53 drop`), "ok", ""},
	{"ingress", "table netdev early {\n chain c {\n type filter hook ingress device \"vif4.0\" priority 0;\n udp dport 53 drop\n}\n}\n", "!!", "table netdev early"},
	{"ingress of another interface", "table netdev early {\n chain c {\n type filter hook ingress device \"eth0\" priority 0;\n udp dport 53 drop\n}\n}\n", "ok", ""},
	{"a limit", filterChain("ip slow", "prerouting", -160, `udp dport 53 limit rate over 1000/second drop`), "??", "table ip slow"},
	{"chance", filterChain("ip dice", "prerouting", -160, `udp dport 53 numgen random mod 2 == 0 drop`), "??", "table ip dice"},
	{"the source port", filterChain("ip ports", "prerouting", -160, `udp sport 1024-65535 udp dport 53 drop`), "??", "table ip ports"},
	{"a header's length", filterChain("ip len", "prerouting", -160, `udp dport 53 udp length 8-600 drop`), "??", "table ip len"},
	{"a rewritten port", filterChain("ip rw", "prerouting", -160, `udp dport 53 udp dport set 54`), "!!", ""},
	{"a dormant table", "table ip sleeps {\n flags dormant\n chain c {\n type filter hook prerouting priority -160; policy drop;\n}\n}\n", "ok", ""},
	{"raw bytes", filterChain("ip bytes", "prerouting", -160, `ip protocol udp @th,16,16 53 drop`), "!!", ""},
	{"IPv6 alone", filterChain("ip6 six", "prerouting", -160, `drop`), "ok", ""},
	{"translated to the loopback address", natChain("ip lo", "c", -150, `udp dport 53 dnat to 127.0.0.1:5353`), "!!", "127.0.0.1"},
	{"by the index of the interface", filterChain("ip by_index", "prerouting", -150, `iif "vif4.0" udp dport 53 drop`), "!!", ""},
	{"a local destination", filterChain("ip routes", "input", -5, `fib daddr type local udp dport 5353 drop`), "!!", ""},
	{"a local destination before the redirection", filterChain("ip routes", "prerouting", -150, `fib daddr type local udp dport 53 drop`), "ok", ""},
	{"no way back", filterChain("ip routes", "prerouting", -150, `fib saddr . iif oif missing drop`), "ok", ""},
	{"the hardware address", filterChain("ip mac", "prerouting", -150, `ether saddr 00:16:3e:5e:6c:00 udp dport 53 drop`), "??", "table ip mac"},
	{"the other direction", filterChain("ip dir", "output", 0, `ct direction reply udp sport 5353 drop`), "!!", "answers do not arrive"},
	{"what was translated", filterChain("ip st", "input", -5, `ct status dnat udp dport 5353 drop`), "!!", ""},
	{"the first destination", filterChain("ip orig", "input", -5, `ct original ip daddr 10.139.1.1 drop`), "!!", ""},
	{"a mark of the connection", filterChain("ip cm", "prerouting", -150, `udp dport 53 ct mark set 7`) + filterChain("ip cn", "input", -5, `ct mark 7 drop`), "!!", ""},
	{"behind a goto", "table ip far {\n chain a {\n udp dport 54 drop\n}\n chain c {\n type filter hook prerouting priority -150; policy drop;\n" +
		" tcp dport 53 accept\n goto a\n}\n}\n", "!!", "by its policy"},
	{"returned to the policy", "table ip far {\n chain c {\n type filter hook prerouting priority -150; policy drop;\n iifname \"vif*\" return\n accept\n}\n}\n", "!!", "by its policy"},
	{"accepted in a chain", "table ip far {\n chain a {\n ip saddr 10.137.0.0/16 accept\n}\n chain c {\n type filter hook prerouting priority -150; policy drop;\n" +
		" jump a\n}\n}\n", "ok", ""},
	{"the day of the week", filterChain("ip days", "prerouting", -150, `udp dport 53 meta day "Monday" drop`), "??", ""},
	{"bits of a header", filterChain("ip parts", "prerouting", -450, `ip frag-off & 0x1fff != 0 drop`), "ok", ""},
	{"a combination of interface and port", filterChain("inet comb", "prerouting", -150, `iifname . th dport { "vif4.0" . 53, "vif9.0" . 80 } drop`), "!!", ""},
	{"flags of TCP", filterChain("inet syn", "prerouting", -150, `tcp flags & (fin|syn|rst|ack) == syn tcp dport 53 drop`), "!!", "over TCP"},
	{"flags that no sane packet has", filterChain("inet syn", "prerouting", -150, `tcp flags & (fin|syn) == fin|syn drop`), "ok", ""},
	{"counted and logged", filterChain("inet watch", "prerouting", -160, `udp dport 53 counter log prefix "dns "`), "ok", ""},
}

// all returns every row.
func all() (list []foreignRules) {
	list = append(list, foreign...)
	for _, r := range more {
		list = append(list, foreignRules{r.name, breakLines.Replace(r.rules), r.want, ""})
	}
	return list
}

// breakLines puts the ends of chains and tables on lines of their own, as nft wants it.
var breakLines = strings.NewReplacer("; } }", ";\n}\n}", "; }", ";\n}", "} }", "}\n}")

// more are rules of others, about which status must say what happens, or that it does
// not know if so marked.
var more = []struct{ name, rules, want string }{
	{"case 18: a chain of Qubes' kind before ours", `table ip qubes { chain custom-dnat-dnscrypt { type nat hook prerouting priority dstnat - 10; policy accept;
		iifname "vif*" udp dport 53 dnat to 10.64.0.1
		iifname "vif*" tcp dport 53 dnat to 10.64.0.1
	} }`, ""},
	{"a redirection elsewhere", `table inet other { chain p { type nat hook prerouting priority -150; iifname "vif*" meta l4proto { tcp, udp } th dport 53 redirect to :5300; } }`, ""},
	{"a redirection to us", `table inet other { chain p { type nat hook prerouting priority -150; iifgroup 2 meta l4proto { tcp, udp } th dport 53 redirect to :5353; } }`, ""},
	{"a chain that translates nothing", `table inet other { chain p { type nat hook prerouting priority -150; iifname "vif*" accept; } }`, ""},
	{"TCP only", `table inet other { chain p { type nat hook prerouting priority -150; iifname "vif*" tcp dport 53 dnat ip to 10.64.0.1; } }`, ""},
	{"dropped before raw", `table inet other { chain p { type filter hook prerouting priority -350; iifname "vif*" udp dport 53 drop; } }`, ""},
	{"dropped in mangle, by a set of ports", `table inet other { chain p { type filter hook prerouting priority mangle; udp dport { 53, 853, 5353 } drop; } }`, ""},
	{"dropped by a range", `table inet other { chain p { type filter hook prerouting priority mangle; meta l4proto { tcp, udp } th dport 50-60 drop; } }`, ""},
	{"dropped by a verdict map", `table inet other { chain p { type filter hook prerouting priority mangle; udp dport vmap { 53 : drop, 80 : accept }; } }`, ""},
	{"dropped in another chain", `table inet other { chain d { udp dport 53 drop; }
		chain p { type filter hook prerouting priority mangle; iifgroup 2 jump d; } }`, ""},
	{"returned before the drop", `table inet other { chain d { iifname "vif*" return; drop; }
		chain p { type filter hook prerouting priority mangle; iifname "vif*" udp dport 53 jump d; } }`, ""},
	{"accepted before the drop", `table inet other { chain p { type filter hook prerouting priority mangle; ip saddr 10.137.0.0/16 accept; iifname "vif*" drop; } }`, ""},
	{"another interface", `table inet other { chain p { type filter hook prerouting priority mangle; iifname "eth0" udp dport 53 drop; } }`, ""},
	{"another client", `table inet other { chain p { type filter hook prerouting priority mangle; ip saddr 10.137.0.99 drop; } }`, ""},
	{"IPv6 only", `table inet other { chain p { type filter hook prerouting priority mangle; ip6 nexthdr udp drop; } }`, ""},
	{"the policy of prerouting", `table ip other { chain p { type filter hook prerouting priority mangle; policy drop; tcp dport 53 accept; } }`, ""},
	{"queued without a reader", `table inet other { chain p { type filter hook prerouting priority mangle; udp dport 53 queue num 77; } }`, ""},
	{"case 20: mDNS dropped before our jump", `insert rule ip qubes custom-input iifname "vif*" udp dport 5353 drop`, ""},
	{"mDNS dropped behind our jump", `add rule ip qubes custom-input iifname "vif*" udp dport 5353 drop`, ""},
	{"mDNS dropped in a table of the user", `table inet other { chain i { type filter hook input priority -10; udp dport 5353 drop; } }`, ""},
	{"mDNS dropped late", `table inet other { chain i { type filter hook input priority 200; udp dport mdns drop; } }`, ""},
	{"a policy of the user", `table inet other { chain i { type filter hook input priority 10; policy drop; iif lo accept; tcp dport 5353 accept; } }`, ""},
	{"new connections rejected", `table inet other { chain i { type filter hook input priority 10; ct state new iifname "vif*" udp dport 5353 reject; } }`, ""},
	{"established connections dropped", `table inet other { chain i { type filter hook input priority 10; ct state established,related drop; } }`, ""},
	{"dropped by a mark", `table inet other { chain p { type filter hook prerouting priority mangle; iifname "vif*" meta mark set 0x7; }
		chain i { type filter hook input priority 10; meta mark 0x7 udp dport 5353 drop; } }`, ""},
	{"another mark", `table inet other { chain p { type filter hook prerouting priority mangle; iifname "vif*" meta mark set 0x7; }
		chain i { type filter hook input priority 10; meta mark 0x8 udp dport 5353 drop; } }`, ""},
	{"at the device", `table netdev other { chain g { type filter hook ingress device "vif4.0" priority 0; udp dport 53 drop; } }`, ""},
	{"a named set", `table inet other { set blocked { type ipv4_addr; elements = { 10.137.0.6 }; }
		chain p { type filter hook prerouting priority mangle; ip saddr @blocked drop; } }`, ""},
	{"over a rate", `table inet other { chain i { type filter hook input priority 10; udp dport 5353 limit rate over 1000/second drop; } }`, "??"},
	{"by the length", `table inet other { chain i { type filter hook input priority 10; udp dport 5353 udp length > 4000 drop; } }`, "??"},
}
