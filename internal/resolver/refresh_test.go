package resolver_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// restart ends the resolver and starts another one with the same directory.
func restart(t testing.TB, w *world) {
	t.Helper()
	if err := w.start(t); err != nil {
		t.Fatal(err)
	}
}

// refreshRows hold what a refresh changes and what it leaves.
func refreshRows() []row {
	const blocked, passed = "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", "NOERROR | bad.example. ~300 A 93.184.216.66"
	const worse = "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15"
	const yaml = "lists: {ads: {deny: [\"$WEB/ads\"]}}\nlist_refresh: {period: 0s, attempts: 1, start: blocking}"
	const two = "lists: {ads: {deny: [\"$WEB/ads\", \"$WEB/more\"]}}\nlist_refresh: {period: 0s, attempts: 1, start: "
	const hang = "lists: {ads: {deny: [\"$WEB/ads\"]}}\nlist_refresh: {period: 0s, attempts: 1, timeout: 2s, start: blocking}"
	good := map[string]page{"/ads": {text: "bad.example\n"}}
	return []row{
		{id: "L2", name: "a file that becomes empty has no rules any more", yaml: "lists: {ads: {deny: [\"$DIR/ads.txt\"]}}\nlist_refresh: {period: 0s}",
			files: map[string]string{"ads.txt": "bad.example\n"}, steps: []step{
				{q: "bad.example A", want: blocked},
				{do: all(replace("ads.txt", ""), refresh(false, "")), q: "bad.example A", want: passed},
			}},
		// blocky empties it; a list that a hijacked or broken server has emptied would
		// go unnoticed then.
		{id: "L2", name: "a fetched list that loses most of its rules needs force", yaml: yaml, web: good, steps: []step{
			{q: "bad.example A", want: blocked},
			{do: all(have("/ads", page{}), refresh(false, "keeping the old ones")), q: "bad.example A", want: blocked},
			{do: refresh(true, ""), q: "bad.example A", want: passed},
		}},
		{id: "L3", name: "an error that may pass keeps what there was", yaml: yaml, web: good, steps: []step{
			{do: all(have("/ads", page{status: http.StatusInternalServerError}), refresh(false, "500")), q: "bad.example A", want: blocked},
		}},
		{id: "L3", name: "no answer in time keeps what there was", yaml: hang, web: good, steps: []step{
			{do: all(have("/ads", page{hang: 1}), refresh(false, "fetching")), q: "bad.example A", want: blocked},
		}},
		{id: "L3", name: "an error that will not pass keeps what there was", yaml: yaml, web: good, steps: []step{
			{do: all(have("/ads", page{status: http.StatusNotFound}), refresh(false, "404")), q: "bad.example A", want: blocked},
			{do: all(have("/ads", page{text: "worse.example\n"}), refresh(false, "")), q: "worse.example A", want: worse},
			{q: "bad.example A", want: passed},
		}},
		{id: "L3", name: "a file that goes away keeps what there was", yaml: "lists: {ads: {deny: [\"$DIR/ads.txt\"]}}\nlist_refresh: {period: 0s}",
			files: map[string]string{"ads.txt": "bad.example\n"}, steps: []step{
				{do: func(t testing.TB, w *world) {
					if err := os.Remove(filepath.Join(w.dir, "ads.txt")); err != nil {
						t.Fatal(err)
					}
				}},
				{do: refresh(false, "ads.txt"), q: "bad.example A", want: blocked},
			}},
		{id: "L4", name: "one of two sources fails, blocking start", yaml: two + "blocking}", web: map[string]page{
			"/ads": {text: "bad.example\n"}, "/more": {status: http.StatusInternalServerError}}, steps: []step{
			{q: "bad.example A", want: blocked},
			{q: "worse.example A", want: "NOERROR | worse.example. 300 A 93.184.216.67"},
		}},
		{id: "L4", name: "one of two sources fails, fast start", yaml: "lists: {ads: {deny: [\"$WEB/more\", \"$WEB/ads\"]}}\nlist_refresh: {attempts: 1, timeout: 2s}",
			web: map[string]page{"/ads": {text: "bad.example\n"}, "/more": {hang: 1}}, steps: []step{
				{do: loaded(1), q: "bad.example A", want: blocked},
			}},
		{id: "L4", name: "the source that failed comes back", yaml: two + "blocking}", web: map[string]page{
			"/ads": {text: "bad.example\n"}, "/more": {status: http.StatusBadGateway}}, steps: []step{
			{do: all(have("/more", page{text: "worse.example\n"}), refresh(false, "")), q: "worse.example A", want: worse},
			{q: "bad.example A", want: blocked},
		}},
		{id: "L5", name: "too many invalid lines are reported, and the lines before them are applied", yaml: `
lists: {ads: {deny: ["$WEB/ads"]}}
list_refresh: {period: 0s, start: blocking, max_errors: 2}`, web: good, steps: []step{
			{do: all(have("/ads", page{text: "worse.example\n/(/\nwrong line\nx y\nbad.example\n"}), refresh(false, "too many invalid lines")), q: "worse.example A", want: worse},
			{q: "bad.example A", want: passed},
		}},
	}
}

// downloadRows hold how lists are fetched.
func downloadRows() []row {
	const blocked, passed = "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", "NOERROR | bad.example. ~300 A 93.184.216.66"
	yaml := func(url, options string) string {
		return "lists: {ads: {deny: [\"" + url + "\"]}}\nlist_refresh: {period: 0s, cooldown: 1ms, " + options + "}"
	}
	good := map[string]page{"/ads": {text: "bad.example\n"}}
	asked := func(n, fresh int32) func(t testing.TB, w *world) {
		return func(t testing.TB, w *world) {
			t.Helper()
			w.web.mu.Lock()
			defer w.web.mu.Unlock()
			if p := w.web.pages["/ads"]; p.asked != n || p.fresh != fresh {
				t.Errorf("the list was asked for %d times and sent %d times; want %d, %d", p.asked, p.fresh, n, fresh)
			}
		}
	}
	return []row{
		{id: "L9", name: "a list that is not there is asked for once", yaml: yaml("$WEB/ads", "attempts: 3"), steps: []step{
			{do: all(refresh(false, "404"), asked(1, 0)), q: "bad.example A", want: passed},
		}},
		{id: "L9", name: "a URL that is wrong", yaml: yaml("http://127.0.0.1:x/ads", "attempts: 3"), steps: []step{
			{do: refresh(false, "invalid port"), q: "bad.example A", want: passed},
		}},
		{id: "L9", name: "a server that is not there", yaml: yaml("http://127.0.0.1:1/ads", "attempts: 2"), steps: []step{
			{do: refresh(false, "refused"), q: "bad.example A", want: passed},
		}},
		{id: "L9", name: "no answer at first, then one", yaml: yaml("$WEB/ads", "attempts: 3, timeout: 2s"), steps: []step{
			{do: all(have("/ads", page{text: "bad.example\n", hang: 1}), refresh(false, ""), asked(2, 1)), q: "bad.example A", want: blocked},
		}},
		{id: "L9", name: "an error at first is not the end of the attempts", yaml: yaml("$WEB/ads", "attempts: 3"), web: map[string]page{"/ads": {status: http.StatusTooManyRequests}}, steps: []step{
			{do: all(refresh(false, "429"), asked(3, 0)), q: "bad.example A", want: passed},
		}},
		{id: "L9", name: "no answer in any attempt", yaml: yaml("$WEB/ads", "attempts: 2, timeout: 2s"), steps: []step{
			{do: all(have("/ads", page{hang: 9}), refresh(false, "fetching"), asked(2, 0)), q: "bad.example A", want: passed},
		}},
		{id: "L9", name: "a host whose name does not exist", yaml: yaml("http://lists.example/ads", "attempts: 1"), steps: []step{
			{do: refresh(false, "finding the address of lists.example"), q: "bad.example A", want: passed},
		}},
		{id: "L9", name: "a host whose name the upstreams know", yaml: yaml("http://lists.example:1/ads", "attempts: 1"),
			up: map[string]script{"up": dnstest.Zone(world0 + "lists.example. 300 IN A 127.0.0.1\n")}, steps: []step{
				{do: refresh(false, "lists.example is at 127.0.0.1"), q: "bad.example A", want: passed, asked: "up 3"},
			}},
		{id: "L9", name: "through a proxy", yaml: yaml("http://lists.proxied/ads", "start: blocking"), steps: []step{
			{q: "bad.example A", want: blocked},
		}},
		{id: "L9", name: "a list that has not changed is not sent again", yaml: yaml("$WEB/ads", "attempts: 1"),
			web: map[string]page{"/ads": {text: "bad.example\n", etag: `"1"`}}, steps: []step{
				{do: all(refresh(false, ""), asked(1, 0)), q: "bad.example A", want: blocked},
				{do: all(refresh(true, ""), asked(2, 1)), q: "bad.example A", want: blocked},
				{do: all(have("/ads", page{text: "worse.example\n", etag: `"2"`}), refresh(false, ""), asked(3, 2)), q: "bad.example A", want: passed},
			}},
		{id: "L9", name: "after a restart the copy on disk blocks without the server", yaml: yaml("$WEB/ads", "attempts: 1"), web: good, steps: []step{
			{do: refresh(false, ""), q: "bad.example A", want: blocked},
			{do: all(have("/ads", page{status: http.StatusServiceUnavailable}), restart), q: "bad.example A", want: blocked},
			{do: refresh(false, "503"), q: "bad.example A", want: blocked},
			{do: all(have("/ads", page{status: http.StatusNotFound}), restart, refresh(false, "404")), q: "bad.example A", want: blocked},
		}},
		{id: "L9", name: "a directory that cannot be written to costs the copy only", yaml: yaml("$WEB/ads", "attempts: 1"), steps: []step{
			{do: func(t testing.TB, w *world) { // a file in its place: root may write everywhere else
				dir := filepath.Join(w.dir, "lists")
				if err := os.Remove(dir); err != nil {
					t.Fatal(err)
				}
				write(t, dir, "")
			}},
			{do: all(have("/ads", page{text: "bad.example\n"}), refresh(false, "keeping a copy")), q: "bad.example A", want: blocked},
		}},
		{id: "L9", name: "a list that is too large", yaml: yaml("$WEB/ads", "max_mb: 1"), web: map[string]page{"/ads": {text: largeList}}, steps: []step{
			{do: refresh(false, "more than 1048576 bytes"), q: "bad.example A", want: passed},
		}},
	}
}

// largeList has more than a megabyte.
var largeList = "bad.example\n" + strings.Repeat("# "+strings.Repeat("x", 1022)+"\n", 1024)
