package resolver_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// loaded waits until n rules are loaded.
func loaded(n uint64) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		dnstest.Until(t, fmt.Sprintf("%d rules are loaded", n), func() bool { return w.Stats().Rules == n })
	}
}

// counted holds how many lines of the first list were rules, skipped and wrong.
func counted(rules, skipped, wrong int) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		r := w.conf.Lists.Status()[0].Report
		if r.Rules != rules || r.Skipped != skipped || r.Wrong != wrong {
			t.Errorf("the list has %d rules, %d skipped and %d invalid lines (%v); want %d, %d, %d", r.Rules, r.Skipped, r.Wrong, r.Faults, rules, skipped, wrong)
		}
	}
}

// replace rewrites a file of the row.
func replace(name, text string) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		write(t, filepath.Join(w.dir, name), text)
	}
}

// listed is a row that asks whether a list blocks names. No upstream knows any of
// them, so that what is not blocked does not exist.
func listed(id, name, options, text string, report [3]int, yes, no string) row {
	r := row{id: id, name: name, yaml: "lists: {ads: {deny: [\"$DIR/ads.txt\"]}}\n" + options, files: map[string]string{"ads.txt": text},
		up: map[string]script{"up": dnstest.Zone("nothing.nothing. 60 IN TXT x")}}
	r.steps = append(r.steps, step{do: counted(report[0], report[1], report[2])})
	for n := range strings.FieldsSeq(yes) {
		r.steps = append(r.steps, step{q: n + " A", want: "NOERROR | " + n + ". 600 A 0.0.0.0 | EDE 15"})
	}
	for n := range strings.FieldsSeq(no) {
		r.steps = append(r.steps, step{q: n + " A", want: "NXDOMAIN | SOA 60"})
	}
	return r
}

// parseRows hold what lines of lists mean.
func parseRows() []row {
	const compat = "list_refresh: {blocky_syntax: true}"
	return []row{
		listed("L1", "an empty list has no rules", "", "", [3]int{}, "", "bad.example a"),
		listed("L1", "a list of comments and empty lines has none", "", "# none\n\n   \n\t\n! none\n", [3]int{}, "", "none a"),
		{id: "L1", name: "the root is on no list", yaml: `lists: {ads: {deny: ["bad.example\n*.example\n/[0-9]{5}/\n"]}}`, steps: []step{
			{q: ". A", want: "NXDOMAIN | SOA 60"},
			{q: ". NS", want: "NXDOMAIN | SOA 60"},
		}},
		listed("L5", "what stood before too many invalid lines counts", "list_refresh: {max_errors: 1}",
			"one.example\nwrong line here\ntwo.example\nanother wrong line\nthree.example\n", [3]int{2, 0, 2}, "one.example two.example", "three.example"),
		listed("L5", "without a limit invalid lines cost nothing but themselves", "",
			"one.example\n"+strings.Repeat("wrong line here\nright.example\n", 40)+"two.example\n", [3]int{42, 0, 40}, "one.example two.example", "wrong"),
		listed("L5", "a text of which most lines are invalid is no list", "",
			"one.example\n"+strings.Repeat("wrong line here\n", 40)+"two.example\n", [3]int{}, "", "one.example two.example wrong"),
		listed("L6", "comments, empty lines and a last line without an end", "",
			"# one\none.example # why\n\n\r\n! two\n  two.example\t# tab\r\n[Adblock Plus 2.0]\n0.0.0.0 three.example#no\nfour.example\nfive.example#no", [3]int{4, 0, 1},
			"one.example two.example three.example four.example", "five.example no why"),
		listed("L6", "rules of adblock that are not about names are skipped", "",
			"##.banner\nexample.org##.ad\n||ads.example^$third-party\n||ads.example/path^\n|https://x.example|\n||one.example^\n", [3]int{1, 5, 0},
			"one.example", "ads.example x.example"),
		listed("L7", "lines of hosts files with aliases", "",
			"127.0.0.1 localhost\n::1 ip6-localhost\n0.0.0.0 0.0.0.0\n127.0.0.1 one.example two.example\t three.example # aliases\n::  four.example\n",
			[3]int{4, 0, 0}, "one.example two.example three.example four.example", "sub.one.example ip6-localhost"),
		listed("L7", "names that are not ASCII", "", "müller.com\nBÜCHER.example\n0.0.0.0 straße.example\n", [3]int{3, 0, 0},
			"xn--mller-kva.com xn--bcher-kva.example", "muller.com"),
		listed("L7", "expressions, wildcards, dnsmasq and adblock", "",
			"/^ad[0-9]+\\./\n*.wild.example\n||0-c1j0.lat^\naddress=/mask.example/0.0.0.0\n.dot.example\n", [3]int{5, 0, 0},
			"ad12.example wild.example a.b.wild.example 0-c1j0.lat x.0-c1j0.lat a.mask.example a.dot.example", "bad12.example wilder.example"),
		listed("L7", "in blocky's syntax an adblock rule is for one name", compat, "||0-c1j0.lat^\n*.wild.example\n", [3]int{2, 0, 0},
			"0-c1j0.lat a.wild.example wild.example", "x.0-c1j0.lat"),
		listed("L7", "what is no rule is counted as wrong", "",
			"invalidIP localhost\nxn---mllerk1va.com\ninvalid.*.wildcard\n/unclosed\n/(/\n"+strings.Repeat("a", 64)+".example\na..example\ngood.example\n"+strings.Repeat("fine.example\n", 7),
			[3]int{8, 0, 7}, "good.example", "invalidip"),
		{id: "L7", name: "an exception of adblock wins", yaml: `lists: {ads: {deny: ["||bad.example^\n@@||sub.bad.example^\n"]}}`, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{q: "sub.bad.example A", want: "NOERROR | sub.bad.example. 300 A 93.184.216.68"},
		}},
		listed("L8", "letters of any case", "", "ONE.Example\n*.TWO.example\n/^three/\n", [3]int{3, 0, 0},
			"one.EXAMPLE One.Example x.tWo.example THREE.example", ""),
		listed("L8", "a wildcard covers the name itself and all below", "", "*.one.example\n", [3]int{1, 0, 0}, "one.example a.one.example a.b.c.one.example",
			"xone.example example"),
		listed("L8", "a plain name covers itself only", "", "one.example\n", [3]int{1, 0, 0}, "one.example", "a.one.example example"),
		listed("L8", "an expression is matched anywhere in the name", "", "/one\\.ex/\n", [3]int{1, 0, 0}, "one.example a.one.exotic x-one.example", "two.example"),
		{id: "L8", name: "rules are counted once", yaml: `lists: {a: {deny: ["one.example\none.example\n*.two.example\n"]}, b: {deny: ["one.example\n/three/\n192.0.2.0/24\n"]}}`, steps: []step{
			{do: loaded(4), q: "one.example A", want: "NOERROR | one.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (a: one.example)"},
		}},
		{id: "L8", name: "a refresh replaces one list and leaves the others", yaml: `
lists: {a: {deny: ["$DIR/a.txt"]}, b: {deny: ["$DIR/b.txt"]}}
list_refresh: {period: 0s}`, files: map[string]string{"a.txt": "bad.example\n", "b.txt": "worse.example\n"}, steps: []step{
			{q: "bad.example A", want: "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15"},
			{do: all(replace("a.txt", "other.example\n"), refresh(false, "")), q: "bad.example A", want: "NOERROR | bad.example. 300 A 93.184.216.66"},
			{q: "other.example A", want: "NOERROR | other.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (a: other.example)"},
			{q: "worse.example A", want: "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15", log: "BLOCKED | BLOCKED (b: worse.example)"},
		}},
	}
}
