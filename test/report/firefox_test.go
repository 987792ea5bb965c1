package report_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// seen is what Firefox says of a page.
type seen struct {
	title, text string // as a reader sees them
	console     string // a line for each message that is not the browser's about itself
	hosts       string // that were asked for something
	picture     []byte // PNG
}

// safest makes Firefox what Tor Browser is at its level Safest.
const safest = `user_pref("javascript.enabled", false);
user_pref("svg.disabled", true);
user_pref("mathml.disabled", true);
`

// console is a script with the rights of the browser: what pages have printed, and what
// Firefox says about them. Its own parts complain there, too, under their own addresses.
const console = `
let lines = Services.console.getMessageArray().map(m => {
	try { m.QueryInterface(Ci.nsIScriptError) } catch (e) { return "" }
	return /^(chrome|resource|moz-extension):/.test(m.sourceName) ? "" : m.category + " " + m.sourceName + ": " + m.errorMessage;
});
return lines.filter(l => l).join("\n");
`

// firefox shows a page with more preferences than the usual ones.
func firefox(t *testing.T, path, prefs string) (s seen) {
	t.Helper()
	address, asked := proxy(t)
	host, port, _ := strings.Cut(address, ":")
	m := newMarionette(t, prefs+fmt.Sprintf(`user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", %q);
user_pref("network.proxy.http_port", %s);
user_pref("network.proxy.ssl", %q);
user_pref("network.proxy.ssl_port", %s);
user_pref("dom.security.https_first", false);
user_pref("app.update.enabled", false);
`, host, port, host, port))
	m.do("WebDriver:Navigate", map[string]any{"url": "file://" + path})
	s.title = m.text("WebDriver:GetTitle", nil)
	picture, err := base64.StdEncoding.DecodeString(m.text("WebDriver:TakeScreenshot", map[string]any{"full": false}))
	if err != nil {
		t.Fatal(err)
	}
	s.picture = picture
	body := m.do("WebDriver:FindElement", map[string]any{"using": "css selector", "value": "body"})
	s.text = m.text("WebDriver:GetElementText", map[string]any{"id": reference(t, body)})
	m.do("Marionette:SetContext", map[string]any{"value": "chrome"})
	s.console, s.hosts = m.text("WebDriver:ExecuteScript", map[string]any{"script": console, "args": []string{}}), asked()
	return s
}

// TestBrowser_firefox shows a page full of hostile text, as Firefox is and as Tor Browser
// is at its level Safest.
func TestBrowser_firefox(t *testing.T) {
	t.Parallel()
	wanted(t)
	for name, prefs := range map[string]string{"plain": "", "safest": safest} {
		broken := firefox(t, brokenPage(t), prefs)
		for _, want := range []string{"style-src-elem", "style-src-attr"} {
			if !strings.Contains(broken.console, want) {
				t.Fatalf("%s: the console of a page with faults has no %s: %q", name, want, broken.console)
			}
		}
		if blocked := strings.Contains(broken.console, "script-src-elem"); blocked != (name == "plain") || !strings.Contains(broken.hosts, canary) {
			t.Fatalf("%s: a page with faults has others here: console %q, hosts %q", name, broken.console, broken.hosts)
		}
		s := firefox(t, hostilePage(t), prefs)
		if s.console != "" || strings.Contains(s.hosts, canary) {
			t.Errorf("%s: console: %s; hosts: %s", name, s.console, s.hosts)
		}
		if s.title != "qubesbeat report" || !strings.Contains(s.text, `\u202e`) {
			t.Errorf("%s: the title has changed, or a character that turns the text is not visible: %q", name, s.title)
		}
		if len(s.picture) < 50_000 {
			t.Errorf("%s: the page is empty", name)
		}
	}
}
