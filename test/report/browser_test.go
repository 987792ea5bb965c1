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

// brokenPage is a page that asks for the canary, and whose script is blocked: what the
// tests look for is there to be found.
func brokenPage(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "broken.html")
	text := `<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="script-src 'none'"><title>broken</title><script>console.log("script")</script><img src="http://` + canary + `/a">`
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

// safest are the settings of Tor Browser at its level Safest that a page notices.
const safest = `user_pref("javascript.enabled", false);
user_pref("svg.disabled", true);
user_pref("mathml.disabled", true);
`

// profile makes a profile of Firefox whose requests go through a proxy.
func profile(t *testing.T, settings string) (home string, asked func() string) {
	t.Helper()
	address, asked := proxy(t)
	host, port, _ := strings.Cut(address, ":")
	home = t.TempDir()
	prefs := fmt.Sprintf(`%suser_pref("network.proxy.type", 1);
user_pref("network.proxy.http", %q);
user_pref("network.proxy.http_port", %s);
user_pref("network.proxy.ssl", %q);
user_pref("network.proxy.ssl_port", %s);
user_pref("dom.security.https_first", false);
user_pref("app.update.enabled", false);
`, settings, host, port, host, port)
	if err := os.WriteFile(filepath.Join(home, "user.js"), []byte(prefs), 0o600); err != nil {
		t.Fatal(err)
	}
	return home, asked
}

// firefox shows a page as Tor Browser does at its level Safest, and returns the picture and the
// hosts that it asked for.
func firefox(t *testing.T, path string) (picture, hosts string) {
	t.Helper()
	program := need(t, "firefox-esr", "apt-get install firefox-esr")
	home, asked := profile(t, safest)
	picture = filepath.Join(home, "page.png")
	output(t, []string{"HOME=" + home, "MOZ_HEADLESS=1"}, program, "--headless", "--no-remote", "--profile", home, "--window-size=1200,1600", "--screenshot", picture, "file://"+path)
	return picture, asked()
}

// firefoxConsole shows a page with the settings that Firefox comes with, and returns the lines
// on its console and the hosts that it asked for.
func firefoxConsole(t *testing.T, path string) (console, hosts string) {
	t.Helper()
	program := need(t, "firefox-esr", "apt-get install firefox-esr")
	home, asked := profile(t, "")
	console = startFirefox(t, program, home).show(path)
	return console, asked()
}

// TestBrowser_firefoxConsole shows a page full of hostile text, and reads the console.
func TestBrowser_firefoxConsole(t *testing.T) {
	t.Parallel()
	wanted(t)
	if console, hosts := firefoxConsole(t, brokenPage(t)); !strings.Contains(console, "Content-Security-Policy") || !strings.Contains(hosts, canary) {
		t.Fatalf("a page with faults has none here: console %q, hosts %q", console, hosts)
	}
	if console, hosts := firefoxConsole(t, hostilePage(t)); console != "" || strings.Contains(hosts, canary) {
		t.Errorf("console: %s; hosts: %s", console, hosts)
	}
}

// TestBrowser_firefox shows the same page.
func TestBrowser_firefox(t *testing.T) {
	t.Parallel()
	wanted(t)
	if _, hosts := firefox(t, brokenPage(t)); !strings.Contains(hosts, canary) {
		t.Fatalf("a page that asks for the canary does not: %q", hosts)
	}
	picture, hosts := firefox(t, hostilePage(t))
	if strings.Contains(hosts, canary) {
		t.Errorf("the page asks for %s", hosts)
	}
	if info, err := os.Stat(picture); err != nil || info.Size() < 50_000 {
		t.Errorf("the page is empty: %v, %v", info, err)
	}
}
