package htmlreport_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
)

// elements are those of a page, with their attributes.
var elements = map[string]string{
	"html": "lang", "head": "", "meta": "charset http-equiv content name", "title": "", "style": "", "body": "", "header": "id", "main": "", "nav": "", "section": "class id",
	"h1": "", "h2": "id", "h3": "id", "p": "class", "b": "", "br": "", "span": "class", "div": "class", "a": "href", "ul": "", "li": "class", "bdi": "dir",
	"details": "", "summary": "", "table": "", "thead": "", "tbody": "", "tr": "", "th": "scope class", "td": "class",
	"svg": "class xmlns viewbox viewBox width role aria-label", "g": "class", "path": "class d", "rect": "class x y width height", "text": "x y",
}

// values are what an attribute may be.
var values = map[string]*regexp.Regexp{
	"class": regexp.MustCompile(`^(soft|more|bad|sums|missing|scroll|n|k|d|m|t|s|n h[0-5]|odd|hex|track|w\d+|legend|bars|tree|page|answers|map|world|land|h[1-5]|box|e-(plain|quiet|tunnel|fail)|(dot )?(l-(red|orange|yellow|green|gray|blue|purple|black|other)|c-(out|in)|m-(refused|denied|alert)))$`),
	"href":  regexp.MustCompile(`^#[a-z]*\d*$`),
	"id":    regexp.MustCompile(`^([a-z]+|[mq]\d+)$`),
	"d":     regexp.MustCompile(`^[MChlvz0-9. -]*$`),
	"dir":   regexp.MustCompile(`^ltr$`),
}

// check holds that a page has only what it may have.
func check(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("the page has the character %U", r)
		}
	}
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			checkTag(t, z.Token())
		case html.CommentToken:
			t.Fatalf("a comment: %s", z.Token().Data)
		}
	}
}

func checkTag(t *testing.T, tag html.Token) {
	t.Helper()
	allowed, ok := elements[tag.Data]
	if !ok {
		t.Fatalf("an element that is not allowed: %s", tag)
	}
	for _, a := range tag.Attr {
		if !strings.Contains(" "+allowed+" ", " "+a.Key+" ") || a.Key == "style" || strings.HasPrefix(a.Key, "on") {
			t.Fatalf("%s may not have the attribute %s", tag, a.Key)
		}
		if re := values[a.Key]; re != nil && !re.MatchString(a.Val) {
			t.Fatalf("%s: the value of %s is not allowed", tag, a.Key)
		}
	}
}

// hostile are texts that have broken reports of others.
var hostile = []string{
	`</title><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='x`, `{{.Hash}}`, `</style><style>*{display:none}`, `<!-- `, `]]>`,
	"\u202egnp.exe", "a\x00b", "\x1b[31mred", "line\u2028two", "xn--80ak6aa92e.example", "аррӏе.example", "👍", strings.Repeat("a", 200), `javascript:alert(1)`, "=1+1|cmd",
	"&lt;b&gt;", "%3Cscript%3E", "\ufeff\u200b", "`${x}`", "\"", "\\", "",
}

func TestWrite_hostile(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		text := page(t, read(t, world(s)))
		check(t, text)
		if strings.Contains(text, "<script") || !strings.Contains(text, "<title>qubesbeat report</title>") {
			t.Errorf("%q changes the page", s)
		}
	}
	text := page(t, read(t, world("\u202egnp.exe")))
	if !strings.Contains(text, `\u202egnp.exe`) {
		t.Error("a character that turns the text is not visible")
	}
	if text = page(t, read(t, world("аррӏе.example"))); !strings.Contains(text, "not ASCII") {
		t.Error("letters that look like others have no mark")
	}
}

// The policy allows the style sheet, and nothing else.
func TestWrite_policy(t *testing.T) {
	t.Parallel()
	text := page(t, read(t, world("x")))
	_, rest, _ := strings.Cut(text, "<style>")
	style, _, ok := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := `content="default-src 'none'; style-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'"`
	if !ok || !strings.Contains(html.UnescapeString(text), want) {
		t.Errorf("the page has not the policy %s", want)
	}
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") || strings.Contains(text, "http://") && !strings.Contains(text, `xmlns="http://www.w3.org/2000/svg"`) {
		t.Error("the page loads something")
	}
}

func FuzzWrite(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { check(t, page(t, read(t, world(s)))) })
}
