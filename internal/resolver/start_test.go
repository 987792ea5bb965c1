package resolver_test

import (
	"net/http"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// startRows hold what is done about lists before anybody is served, and that
// upstreams are not asked anything then.
func startRows() []row {
	const blocked, passed = "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", "NOERROR | bad.example. ~300 A 93.184.216.66"
	const yaml = `lists: {ads: {deny: ["$WEB/ads"]}}` + "\nlist_refresh: {attempts: 1, start: "
	good := map[string]page{"/ads": {text: "bad.example\n"}}
	gone := map[string]page{"/ads": {status: http.StatusNotFound}}
	return []row{
		{id: "B12", name: "fast start serves at once and fetches then", yaml: yaml + `fast}`, web: good, steps: []step{
			{do: loaded(1), q: "bad.example A", want: blocked},
		}},
		{id: "B12", name: "fast start serves without a list that cannot be had", yaml: yaml + `fast}`, web: gone, steps: []step{
			{q: "bad.example A", want: passed},
		}},
		{id: "B12", name: "blocking start has the lists before the first query", yaml: yaml + `blocking, period: 0s}`, web: good, steps: []step{
			{q: "bad.example A", want: blocked},
		}},
		{id: "B12", name: "blocking start serves without a list that cannot be had", yaml: yaml + `blocking, period: 0s}`, web: gone, steps: []step{
			{q: "bad.example A", want: passed},
		}},
		{id: "B12", name: "fail_on_error starts where the lists can be had", yaml: yaml + `fail_on_error, period: 0s}`, web: good, steps: []step{
			{q: "bad.example A", want: blocked},
		}},
		{id: "B12", name: "fail_on_error does not start without a list", yaml: yaml + `fail_on_error}`, web: gone, fails: "404"},
		{id: "B12", name: "fail_on_error does not start without a file", yaml: `
lists: {ads: {deny: ["$DIR/none.txt"]}}
list_refresh: {start: fail_on_error}`, fails: "none.txt"},
		{id: "B12", name: "another way to start is refused", yaml: `list_refresh: {start: slow}`, fails: `list_refresh.start: "slow" is not known`},

		{id: "U8", name: "init strategies of upstreams", skip: "upstreams are never tested at the start; what blocky's strategies are for, list_refresh.start does for lists (B12)"},
		{id: "U8", name: "without upstreams those that the system has are asked", steps: []step{
			{q: "www.example A", want: "NOERROR | www.example. 300 A 93.184.216.34", log: "RESOLVED | RESOLVED (udp://$up)", asked: "up 1"},
		}},
		{id: "U8", name: "nothing is asked before a client asks", yaml: `upstreams: {default: ["udp://$up"]}`, steps: []step{
			{q: "bad.invalid A", want: "NXDOMAIN | SOA 3600 | EDE 29", asked: "up 0"},
		}},
		{id: "U8", name: "an upstream that is not there does not stop the start", yaml: `{upstreams: {default: ["udp://127.0.0.1:1"]}}`, steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22"},
			{q: "localhost A", want: "NOERROR | localhost. 3600 A 127.0.0.1 | EDE 29"},
		}},
		{id: "U8", name: "an upstream that is too slow does not stop the start", yaml: `{timeout: 50ms, budget: 200ms}`, up: map[string]script{"up": dnstest.Silent}, steps: []step{
			{q: "www.example A", want: "SERVFAIL | EDE 22"},
			{q: "localhost A", want: "NOERROR | localhost. 3600 A 127.0.0.1 | EDE 29"},
		}},
	}
}
