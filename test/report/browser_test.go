package report_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
)

// canary is a host that only hostile text names.
const canary = "canary.example"

// hostile is what each text of the page under test is.
const hostile = `</title></style><script>console.log("script")</script><img src=http://` + canary + `/a onerror=console.log(1)><link rel=prefetch href=http://` + canary + `/b>` +
	`<style>@import "http://` + canary + `/c"</style>\u202e\u0000\u001b[31m`

// hostilePage returns the path of a report in which all texts are hostile.
func hostilePage(t *testing.T) string {
	t.Helper()
	s := strings.ReplaceAll(hostile, `"`, `\"`)
	qube := `"qube":{"name":"` + s + `","label":"` + s + `","netvm":"` + s + `"}`
	var b strings.Builder
	for i, rest := range []string{
		`"event":{"dataset":"flow"},"flow":{"final":true},` + qube + `,"source":{"bytes":9000},"destination":{"domain":"` + s + `","ip":"` + s + `","port":443,"bytes":50}`,
		`"event":{"dataset":"qubesbeat.dns","action":"dns-blocked"},` + qube + `,"dns":{"question":{"name":"` + s + `"}},"qubesbeat":{"dns":{"count":3,"block":{"list":"` + s + `"}}}`,
		`"event":{"dataset":"qubesbeat.finding","action":"` + s + `","reason":"` + s + `"},` + qube + `,"finding":{"method":"` + s + `"}`,
	} {
		fmt.Fprintf(&b, "{\"@timestamp\":\"2026-11-21T20:59:%02dZ\",\"host\":{\"name\":\"%s\"},%s}\n", i, s, rest)
	}
	a := analysis.New(analysis.Config{Domain: func(string) string { return "" }})
	if err := a.Read("-", strings.NewReader(b.String()), nil); err != nil {
		t.Fatal(err)
	}
	return page(t, a)
}

// brokenPage is a page that asks for the canary, and whose script and styles are blocked:
// what the tests look for is there to be found.
func brokenPage(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "broken.html")
	text := `<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="script-src 'none'; style-src 'none'"><title>broken</title><style>p{color:red}</style><p style="color:red">x</p><script>console.log("script")</script><img src="http://` + canary + `/a">`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// proxy returns the address of a proxy that all requests of a browser go through, and what
// was asked of it.
func proxy(t *testing.T) (address string, asked func() string) {
	t.Helper()
	var mu sync.Mutex
	var hosts strings.Builder
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&hosts, r.Host)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), func() string { mu.Lock(); defer mu.Unlock(); return hosts.String() }
}

// chromium shows a page, and returns its DOM, the lines on its console, and the hosts that
// it asked for.
func chromium(t *testing.T, path string, args ...string) (dom, console, hosts string) {
	t.Helper()
	program := need(t, "chromium", "apt-get install chromium")
	address, asked := proxy(t)
	out := output(t, nil, program, append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run",
		"--user-data-dir=" + t.TempDir(), "--proxy-server=" + address, "--enable-logging=stderr", "--dump-dom"}, append(args, "file://"+path)...)...)
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "CONSOLE") {
			console += line + "\n"
		}
	}
	return out, console, asked()
}

// TestBrowser_chromium shows a page full of hostile text.
func TestBrowser_chromium(t *testing.T) {
	t.Parallel()
	wanted(t)
	_, console, hosts := chromium(t, brokenPage(t))
	if console == "" || !strings.Contains(hosts, canary) {
		t.Fatalf("a page with faults has none here: console %q, hosts %q", console, hosts)
	}
	dom, console, hosts := chromium(t, hostilePage(t))
	if console != "" || strings.Contains(hosts, canary) {
		t.Errorf("console: %s; hosts: %s", console, hosts)
	}
	if !strings.Contains(dom, "<title>qubesbeat report</title>") || !strings.Contains(dom, `\u202e`) {
		t.Error("the title has changed, or a character that turns the text is not visible")
	}
	for z := html.NewTokenizer(strings.NewReader(dom[strings.Index(dom, "<html"):])); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		if name, _ := z.TagName(); kind == html.StartTagToken && strings.Contains(" script img link iframe object form ", " "+string(name)+" ") {
			t.Errorf("the page has the element %s", name)
		}
	}
}
