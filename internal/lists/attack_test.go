package lists_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// internet is a network in which every address is one and the same server.
type internet struct {
	server *httptest.Server
	names  map[string]string // addresses of hosts
	dead   []string          // addresses where no one answers

	mu     sync.Mutex
	dialed []string // guarded by mu
}

func newInternet(t *testing.T, names map[string]string, h http.HandlerFunc) *internet {
	t.Helper()
	n := &internet{server: httptest.NewServer(h), names: names}
	t.Cleanup(n.server.Close)
	return n
}

// lookup returns the addresses of a host, which n.names has with spaces between them.
func (n *internet) lookup(_ context.Context, host string) (all []netip.Addr, err error) {
	for text := range strings.FieldsSeq(n.names[host]) {
		all = append(all, netip.MustParseAddr(text))
	}
	if len(all) == 0 {
		err = errors.New("no such host")
	}
	return all, err
}

func (n *internet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, address)
	n.mu.Unlock()
	if host, _, _ := net.SplitHostPort(address); slices.Contains(n.dead, host) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	var d net.Dialer
	return d.DialContext(ctx, network, n.server.Listener.Addr().String())
}

func (n *internet) asked() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dialed)
}

// TestAttack12_redirects lets a server of lists send the beat to hosts that only the
// beat can reach.
func TestAttack12_redirects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from, to string
		err            string   // "" if the list is fetched
		dialed         []string // addresses that were connected to
	}{
		{"nowhere", "http://lists.test/", "", "", []string{"93.184.216.34:80"}},
		{"to another public host", "http://lists.test/", "http://other.test/x", "", []string{"93.184.216.34:80", "93.184.216.35:80"}},
		{"to the metadata of a cloud", "http://lists.test/", "http://169.254.169.254/latest", "169.254.169.254", []string{"93.184.216.34:80"}},
		{"to the machine itself", "http://lists.test/", "http://127.0.0.1:8099/", "127.0.0.1", []string{"93.184.216.34:80"}},
		{"to the machine itself over IPv6", "http://lists.test/", "http://[::1]/", "::1", []string{"93.184.216.34:80"}},
		{"to an IPv4-mapped address", "http://lists.test/", "http://[::ffff:127.0.0.1]/", "127.0.0.1", []string{"93.184.216.34:80"}},
		{"to a qube", "http://lists.test/", "http://10.137.0.5/", "10.137.0.5", []string{"93.184.216.34:80"}},
		{"to a ULA", "http://lists.test/", "http://[fd09:24ef:4179::a89:5]/", "fd09", []string{"93.184.216.34:80"}},
		{"to multicast", "http://lists.test/", "http://224.0.0.1/", "224.0.0.1", []string{"93.184.216.34:80"}},
		{"through NAT64", "http://lists.test/", "http://[64:ff9b::a00:1]/", "64:ff9b", []string{"93.184.216.34:80"}},
		{"through 6to4", "http://lists.test/", "http://[2002:7f00:1::]/", "2002:", []string{"93.184.216.34:80"}},
		{"to a name at a private address", "http://lists.test/", "http://inside.test/", "10.0.0.1", []string{"93.184.216.34:80"}},
		{"to localhost", "http://lists.test/", "http://localhost/", "127.0.0.1", []string{"93.184.216.34:80"}},
		{"to a local name", "http://lists.test/", "http://nas.lan/", "192.168.1.2", []string{"93.184.216.34:80"}},
		{"to an address in disguise", "http://lists.test/", "http://2130706433/", "no such host", []string{"93.184.216.34:80"}},
		{"to a file", "http://lists.test/", "file:///etc/passwd", `the scheme "file"`, []string{"93.184.216.34:80"}},
		{"to another protocol", "http://lists.test/", "ftp://other.test/", `the scheme "ftp"`, []string{"93.184.216.34:80"}},
		{"a name at a private address", "http://inside.test/", "", "put its address in the URL", nil},
		{"the user's own address", "http://192.168.1.2:8080/", "", "", []string{"192.168.1.2:8080"}},
		{"the user's own name", "http://nas.lan/", "", "", []string{"192.168.1.2:80"}},
		{"on the user's own server", "http://192.168.1.2:8080/", "http://192.168.1.2:8080/x", "", []string{"192.168.1.2:8080"}},
		{"on the user's own server to another port", "http://192.168.1.2:8080/", "http://192.168.1.2:8099/x", "192.168.1.2", []string{"192.168.1.2:8080"}},
		{"on the user's own named server to another port", "http://nas.lan/", "http://nas.lan:22/", "192.168.1.2", []string{"192.168.1.2:80"}},
		{"from the user's own server to another", "http://192.168.1.2/", "http://192.168.1.3/", "192.168.1.3", []string{"192.168.1.2:80"}},
		{"from the user's own server to the machine itself", "http://nas.lan/", "http://127.0.0.1/", "127.0.0.1", []string{"192.168.1.2:80"}},
		{"in a circle", "http://lists.test/", "http://lists.test/", "redirects", []string{"93.184.216.34:80"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			circle := tt.from == tt.to
			var asked sync.Once
			n := newInternet(t, map[string]string{"lists.test": "93.184.216.34", "other.test": "93.184.216.35", "inside.test": "10.0.0.1",
				"localhost": "127.0.0.1", "nas.lan": "192.168.1.2"}, func(w http.ResponseWriter, r *http.Request) {
				first := circle
				asked.Do(func() { first = true })
				if first && tt.to != "" {
					w.Header().Set("Location", tt.to)
					w.WriteHeader(http.StatusFound)
					return
				}
				fmt.Fprintln(w, "bad.example")
			})
			m := manager(t, func(c *lists.Config) {
				c.Lookup, c.Dial, c.Private, c.Attempts = n.lookup, n.dial, func(host string) bool { return host == "nas.lan" }, 1
			}, tt.from)
			table, err := m.Refresh(t.Context(), false)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Refresh = %v; want %q", err, tt.err)
			}
			if got := n.asked(); !slices.Equal(got, tt.dialed) {
				t.Errorf("connected to %q; want %q", got, tt.dialed)
			}
			if got := table != nil && blocks(t, table, "bad.example", 1); got != (tt.err == "") {
				t.Errorf("the list is in use: %v", got)
			}
			if st := m.Status()[0]; (st.Err == "") != (tt.err == "") {
				t.Errorf("Status.Err = %q", st.Err)
			}
		})
	}
}

// TestAttack12_proxy connects to the user's proxy wherever it is, which does not
// open the way to it for others.
func TestAttack12_proxy(t *testing.T) {
	t.Parallel()
	n := newInternet(t, nil, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://127.0.0.1:8082/x", http.StatusFound)
			return
		}
		fmt.Fprintln(w, "bad.example")
	})
	m := manager(t, func(c *lists.Config) {
		c.Lookup, c.Dial = n.lookup, n.dial
		c.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Hostname() == "127.0.0.1" {
				return nil, nil
			}
			return url.Parse("http://127.0.0.1:8082")
		}
	}, "http://lists.test/", "http://lists.test/away")
	table, err := m.Refresh(t.Context(), false)
	if err == nil || !strings.Contains(err.Error(), "lists.test/away") || !blocks(t, table, "bad.example", 1) {
		t.Errorf("Refresh = %v; want the first list, and an error of the second one", err)
	}
	if got := n.asked(); !slices.Equal(got, []string{"127.0.0.1:8082", "127.0.0.1:8082"}) {
		t.Errorf("connected to %q", got)
	}
}

// TestAttack12_headers gets validators that must not be kept, and endless headers.
func TestAttack12_headers(t *testing.T) {
	t.Parallel()
	for etag, kept := range map[string]bool{`"1"`: true, `"` + strings.Repeat("e", 60_000) + `"`: false, "\"\xff\"": false} {
		var sent []string
		n := newInternet(t, map[string]string{"lists.test": "93.184.216.34"}, func(w http.ResponseWriter, r *http.Request) {
			sent = append(sent, r.Header.Get("If-None-Match"))
			w.Header().Set("ETag", etag)
			fmt.Fprintln(w, "bad.example")
		})
		m := manager(t, func(c *lists.Config) { c.Lookup, c.Dial = n.lookup, n.dial }, "http://lists.test/")
		for range 2 {
			if _, err := m.Refresh(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"", map[bool]string{true: etag}[kept]}; !slices.Equal(sent, want) {
			t.Errorf("If-None-Match = %.40q; want %.40q", sent, want)
		}
	}
	n := newInternet(t, map[string]string{"lists.test": "93.184.216.34"}, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 200 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1000))
		}
		fmt.Fprintln(w, "bad.example")
	})
	m := manager(t, func(c *lists.Config) { c.Lookup, c.Dial = n.lookup, n.dial }, "http://lists.test/")
	if _, err := m.Refresh(t.Context(), false); err == nil || !strings.Contains(err.Error(), "exceeded 65536 bytes") {
		t.Errorf("Refresh = %v; want an error about the headers", err)
	}
}

// TestAttack12_responses does not take a response for more than it is, nor repeats
// much of it.
func TestAttack12_responses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do   http.HandlerFunc
		want string
	}{
		"nothing has changed, of a list that is not there": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, "304"},
		"a redirect to nowhere":                            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) }, "302"},
		"network authentication required": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNetworkAuthenticationRequired)
			fmt.Fprintln(w, "bad.example")
		}, "511"},
		"a long redirect": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "ftp://"+strings.Repeat("a", 50_000)+".test/")
			w.WriteHeader(http.StatusFound)
		}, `the scheme "ftp"`},
		"nothing":       {func(http.ResponseWriter, *http.Request) {}, "empty"},
		"comments only": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "# to do") }, "empty"},
	} {
		n := newInternet(t, map[string]string{"lists.test": "93.184.216.34"}, tt.do)
		m := manager(t, func(c *lists.Config) { c.Lookup, c.Dial, c.Attempts = n.lookup, n.dial, 1 }, "http://lists.test/")
		if table, err := m.Refresh(t.Context(), false); table != nil || err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 700 {
			t.Errorf("%s: Refresh = %v, %.900v; want %q", name, table, err, tt.want)
		}
		if st := m.Status()[0]; st.Loaded || st.Err == "" {
			t.Errorf("%s: Status = %+v", name, st)
		}
	}
}

// TestCase22_refused does not use a text that is no list, wherever it comes from,
// and keeps the last good copy.
func TestCase22_refused(t *testing.T) {
	t.Parallel()
	const page = "<!DOCTYPE html>\n<html>\nlogin\nads.example\n</html>\n"
	for name, text := range map[string]string{
		"page":        page,
		"fragment":    strings.Repeat("<a href=\"x\">captive portal</a>\n", 2000) + "login\n",
		"prose":       "Log in to the network\nlogin\nyou have to agree\nto many words\n",
		"faults only": "no rule here\n",
		"server only": "server=/corp.example/192.0.2.1\n",
		"UTF-16":      "\xff\xfel\x00o\x00g\x00i\x00n\x00\n\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t, map[string]string{"lists.test": "93.184.216.34"}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
			path := write(t, text)
			m := manager(t, func(c *lists.Config) { c.Lookup, c.Dial = n.lookup, n.dial }, path, "http://lists.test/", "good.example\n")
			table, err := m.Load(t.Context())
			if err != nil || blocks(t, table, "login", 3) || !blocks(t, table, "good.example", 3) {
				t.Errorf("Load = %v; the file is in use: %v", err, blocks(t, table, "login", 3))
			}
			for _, force := range []bool{false, true} {
				if table, err = m.Refresh(t.Context(), force); err == nil || table != nil {
					t.Errorf("Refresh(%v) = %v, %v; want an error", force, table, err)
				}
			}
			for _, st := range m.Status()[:2] {
				if st.Loaded || st.Err == "" || st.Rules != 0 {
					t.Errorf("Status = %+v; want an error and no rules", st)
				}
			}
			if err := os.WriteFile(path, []byte("bad.example\nworse.example\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if table, _ = m.Refresh(t.Context(), false); !blocks(t, table, "bad.example", 3) {
				t.Error("the corrected list is not in use")
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if table, err = m.Refresh(t.Context(), false); table != nil || err == nil {
				t.Errorf("Refresh = %v, %v; want an error", table, err)
			}
			if table, err = m.Load(t.Context()); err != nil || !blocks(t, table, "bad.example", 3) {
				t.Errorf("Load = %v; the good copy is lost", err)
			}
			if st := m.Status()[0]; !st.Loaded || st.Err == "" || st.Rules != 2 {
				t.Errorf("Status = %+v; want two rules and an error", st)
			}
		})
	}
}

// TestCase22_words does not take the message of a server for a list of names, and has
// files with names of one label.
func TestCase22_words(t *testing.T) {
	t.Parallel()
	for text, isList := range map[string]bool{
		"OK\n": false, "Login": false, "Unauthorized\n": false, "error\nmaintenance\n": false, "OK\nOK\nads.example\n": false,
		"W0FkYmxvY2sgUGx1cyAyLjBdCiEgVGl0\nbGU6IHRlc3QKfHxhZHMuZXhhbXBsZV4K\n": false,
		"*.zip\n": true, "||zip^\n": true, "0.0.0.0 ads\n": true, "ads.example\nads\n": true, "address=/zip/\n": true, "ads.example.\n": true,
	} {
		n := newInternet(t, map[string]string{"lists.test": "93.184.216.34"}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
		m := manager(t, func(c *lists.Config) { c.Lookup, c.Dial = n.lookup, n.dial }, write(t, text), "http://lists.test/")
		_, _ = m.Load(t.Context())
		_, err := m.Refresh(t.Context(), false)
		if st := m.Status(); (err == nil) != isList || !st[0].Loaded || st[1].Loaded != isList || isList == strings.Contains(st[1].Err, "words without a dot") {
			t.Errorf("%q: Refresh = %v; status %+v; want a list: %v", text, err, st, isList)
		}
	}
}

// TestCase22_storedCopy does not use a page that an earlier version took for a list,
// and fetches the list whatever the server says of the page.
func TestCase22_storedCopy(t *testing.T) {
	t.Parallel()
	var asked []string
	n := newInternet(t, map[string]string{"lists.test": "93.184.216.34"}, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", `"1"`)
		fmt.Fprintln(w, "bad.example")
	})
	dir := t.TempDir()
	change := func(c *lists.Config) { c.Dir, c.Lookup, c.Dial = dir, n.lookup, n.dial }
	m := manager(t, change, "http://lists.test/")
	if _, err := m.Refresh(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	copies, _ := filepath.Glob(filepath.Join(dir, "*.list"))
	if err := os.WriteFile(copies[0], []byte("good.example\n"+strings.Repeat("<p>a page\n", 9)), 0o600); err != nil {
		t.Fatal(err)
	}
	m = manager(t, change, "http://lists.test/")
	if table, err := m.Load(t.Context()); err != nil || table.Len() != 0 || m.Status()[0].Err == "" || m.Status()[0].Loaded {
		t.Errorf("Load = %d rules, %v; status %+v", table.Len(), err, m.Status()[0])
	}
	if table, err := m.Refresh(t.Context(), false); err != nil || !blocks(t, table, "bad.example", 1) {
		t.Errorf("Refresh = %v", err)
	}
	if !slices.Equal(asked, []string{"", ""}) {
		t.Errorf("If-None-Match = %q; want none", asked)
	}
}

// TestAttack12_portal soon tries again what a captive portal has answered, and only
// that: not a list that is in use up to the user's limit of invalid lines.
func TestAttack12_portal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var asked []string
		dial := func(_ context.Context, _, address string) (net.Conn, error) {
			at := time.Since(begin).Truncate(time.Second)
			asked = append(asked, fmt.Sprint(address, " ", at))
			text := "bad.example\n"
			if address == "192.0.2.1:80" && at < 5*time.Minute {
				text = "<html>log in</html>"
			}
			if address == "192.0.2.3:80" {
				text = "worse.example\nno rule at all\nno rule at all\n"
			}
			ours, theirs := net.Pipe()
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
					fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
				}
				_ = theirs.Close()
			}()
			return ours, nil
		}
		m := manager(t, func(c *lists.Config) { c.Dial, c.Period, c.Attempts, c.MaxFaults = dial, 4*time.Hour, 1, 1 },
			"http://192.0.2.1/", "http://192.0.2.2/", "http://192.0.2.3/")
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Hour)
		defer cancel()
		m.Run(ctx, func(ctx context.Context) { _, _ = m.Refresh(ctx, false) }, func(ctx context.Context) { _, _ = m.RefreshFailed(ctx) })
		want := []string{"192.0.2.1:80 0s", "192.0.2.2:80 0s", "192.0.2.3:80 0s", "192.0.2.1:80 1m0s", "192.0.2.1:80 3m0s", "192.0.2.1:80 7m0s",
			"192.0.2.1:80 4h0m0s", "192.0.2.2:80 4h0m0s", "192.0.2.3:80 4h0m0s", "192.0.2.1:80 8h0m0s", "192.0.2.2:80 8h0m0s", "192.0.2.3:80 8h0m0s"}
		if !slices.Equal(asked, want) {
			t.Errorf("connected to\n%q\nwant\n%q", asked, want)
		}
	})
}
