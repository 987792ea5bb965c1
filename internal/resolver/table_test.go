package resolver_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/resolver"
)

var (
	target = flag.String("resolver", "", "ask the resolver at `ADDR` instead of one of our own, as far as that makes sense")
	known  = flag.String("name", "example.com", "a `NAME` with an A record, for -resolver")
)

// The table holds what a DNS resolver has to do: rows, each with its settings, its
// upstreams and the answers on the wire. The ids of the rows are those of a list of
// what blocky's own tests hold; if the resolver means to differ from blocky, a row
// says what it does.
//
//	go test -v -run behaviours ./internal/resolver
//	go test -v -run behaviours ./internal/resolver -resolver 10.139.1.1:53
//
// With the flag, the rows that need no settings of their own ask the resolver at
// that address; it has to know the name of -name. The others are skipped.

// row is one behaviour.
type row struct {
	id, name string
	skip     string // why it does not apply here
	generic  bool   // needs no settings of its own: any resolver can be asked

	// yaml is what stands under `resolver:`. In it, and in what is wanted, $NAME
	// stands for the address of an upstream, $WEB for the server of lists, $DIR for
	// a directory of the row and $CA for the file of the authority of servers.
	yaml  string
	up    map[string]script // upstreams; "up" is the default one
	files map[string]string // in $DIR
	web   map[string]page   // at $WEB, from the beginning
	// servers are upstreams over TLS and HTTPS; $PORT is the port of one of them.
	servers map[string]server
	gate    resolver.ACL // nil lets everybody through
	fails   string       // what is said instead of starting
	steps   []step
}

// step asks, or does something else, or both, in this order: do, then ask.
type step struct {
	do    func(t testing.TB, w *world)
	from  string         // name of a qube or an address; 127.0.0.1 where empty
	q     string         // as dig reads it; see parseQuery
	want  string         // see describe; "~" before a TTL allows a little less
	log   string         // source and reason of the entry of the log; empty: whatever
	check func(r *reply) // looks at what want does not cover
	asked string         // "up 1": how often upstreams have been asked so far
}

// rows is the whole table.
func rows() []row {
	return slices.Concat(blockRows(), clientRows(), blockAnswerRows(), answerListRows(), switchRows(), startRows(), parseRows(), refreshRows(),
		downloadRows(), ttlRows(), cacheRows(), attemptRows(), secureRows(), pinRows(), orderRows(), treeRows(),
		recordRows(), aliasRows(), zoneRows(), rewriteRows(), hostsRows(), specialRows(), filterRows(), sizeRows(), probeRows(),
		rateRows(), rebindingRows(), errorCodeRows(), queryLogRows(), chainRows(), caseRows())
}

// ids are those of the list of behaviours.
func ids() (list []string) {
	for _, s := range []struct {
		letter string
		n      int
	}{{"B", 12}, {"L", 9}, {"C", 5}, {"U", 8}, {"N", 4}, {"P", 8}, {"G", 2}, {"I", 3}} {
		for i := range s.n {
			list = append(list, fmt.Sprint(s.letter, i+1))
		}
	}
	return list
}

// TestResolver_behaviours asks what the table says.
func TestResolver_behaviours(t *testing.T) {
	for _, r := range rows() {
		t.Run(r.id+" "+r.name, func(t *testing.T) {
			switch {
			case r.skip != "":
				t.Skip(r.skip)
			case *target != "" && !r.generic:
				t.Skip("it needs settings of its own, which the resolver at " + *target + " does not have")
			}
			t.Parallel()
			run(t, &r)
		})
	}
}

// TestResolver_table holds that no behaviour is left out, and that no two rows go
// by one name.
func TestResolver_table(t *testing.T) {
	have, names := map[string]int{}, map[string]bool{}
	for _, r := range rows() {
		have[r.id]++
		if name := r.id + " " + r.name; names[name] {
			t.Errorf("there are two rows %q", name)
		} else {
			names[name] = true
		}
		if !slices.Contains(ids(), r.id) {
			t.Errorf("row %q: the list of behaviours has no %s", r.name, r.id)
		}
		if r.skip == "" && r.fails == "" && len(r.steps) == 0 {
			t.Errorf("row %q holds nothing", r.name)
		}
	}
	for _, id := range ids() {
		if have[id] == 0 {
			t.Errorf("no row for %s", id)
		}
	}
}

// TestMain sets a proxy for what is not on this machine. It has to be set before
// anything is fetched: net/http reads the environment once.
func TestMain(m *testing.M) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "lists.proxied" {
			http.Error(w, "not by this proxy", http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "bad.example")
	}))
	os.Setenv("HTTP_PROXY", proxy.URL)
	os.Setenv("NO_PROXY", ".example")
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) { // not set on the command line
		_ = flag.Set("test.parallel", fmt.Sprint(max(8, runtime.GOMAXPROCS(0)))) // rows wait more than they work
	}
	code := m.Run()
	proxy.Close()
	os.Exit(code)
}
