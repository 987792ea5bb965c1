package report_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// firstScreen returns the text of a page above its list of parts, as one reads it: without
// markup, a line for each paragraph or heading. What is behind a click is not in it.
func firstScreen(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(data), "<body>")
	head, _, ok := strings.Cut(body, "<nav>")
	if !ok {
		t.Fatal("the page has no list of parts")
	}
	var b strings.Builder
	for z := html.NewTokenizer(strings.NewReader(head)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(regexp.MustCompile(`[ \t]+`).ReplaceAllString(b.String(), " "))
		case html.TextToken:
			b.Write(z.Text())
		case html.EndTagToken:
			if name, _ := z.TagName(); strings.Contains(" p h1 h3 div ", " "+string(name)+" ") {
				b.WriteString("\n")
			}
		}
	}
}

// TestStranger asks the first screen of the demonstration's report what somebody asks who
// has never seen one. The answers are what was played (TestScene).
func TestStranger(t *testing.T) {
	t.Parallel()
	screen := firstScreen(t, page(t, read(t, demoEvents(t))))
	for _, q := range []struct{ question, heading, answer string }{
		{"which qube sent most?", "Who sent most", `^ ?untrusted red [0-9.]+ kB sent`},
		{"what was refused, and to whom?", "What was refused", `untrusted red to banking 80/tcp: \d+ packets?, by inter-qube: qubes may not connect to each other`},
		{"and by qvm-firewall?", "What was refused", `banking green to 198\.51\.100\.7 80/tcp: \d+ packets?, by qvm-firewall: the rules for the qube`},
		{"what is odd?", "What is odd", `untrusted red high: untrusted contacts another qube`},
		{"does something call home?", "What is odd", `untrusted contacts 192\.0\.2\.66:443 every 1\.0 s`},
		{"which way does sys-vpn leave?", "Which way out", `sys-vpn green vpn wireguard 203\.0\.113\.9:51820/udp`},
		{"and always?", "Which way out", `sys-vpn .*fail VPN-1 \(everything goes to an endpoint of the tunnel\).*: 1 packet to 198\.51\.100\.7`},
		{"what has been lost?", "What is missing", `Nothing was lost 0 frames dropped by the kernel`},
	} {
		_, rest, ok := strings.Cut(screen, q.heading)
		if !ok {
			t.Errorf("%s There is no %q:\n%s", q.question, q.heading, screen)
			continue
		}
		for _, other := range []string{"Who sent most", "What was refused", "What is odd", "Which way out"} {
			rest, _, _ = strings.Cut(rest, other)
		}
		if !regexp.MustCompile("(?m)" + q.answer).MatchString(strings.TrimSpace(rest)) {
			t.Errorf("%s Below %q there is no %s:\n%s", q.question, q.heading, q.answer, rest)
		}
	}
	if n := strings.Count(screen, "\n"); n > 40 {
		t.Errorf("the first screen has %d lines:\n%s", n, screen)
	}
}
