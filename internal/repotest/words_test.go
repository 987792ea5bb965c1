package repotest_test

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// glossary is the document that lists the words that are not to come back.
const glossary = "docs/glossary.md"

// noWords are files in which the words may stand: history, and the list itself.
var noWords = []string{"CHANGELOG.md", glossary, "docs/decisions/", "internal/repotest/words_test.go"}

// noText are the extensions of files that are not written by hand.
var noText = []string{".sum", ".mod", ".svg", ".json"}

// banned is a row of the glossary's table.
type banned struct {
	word       string
	text, name bool // looked for in comments, strings and documents; in identifiers
	match      *regexp.Regexp
}

// TestWords holds that words which the glossary has replaced do not come back, in
// identifiers, comments, messages and documents.
func TestWords(t *testing.T) {
	t.Parallel()
	list := bannedWords(t)
	found := map[string][]string{}
	walk(t, func(path string, text []byte) {
		if slices.ContainsFunc(noWords, func(p string) bool { return strings.HasPrefix(path, p) }) {
			return
		}
		switch {
		case filepath.Ext(path) == ".go":
			goWords(path, text, list, found)
		case utf8.Valid(text) && !slices.Contains(noText, filepath.Ext(path)):
			document(path, text, list, found)
		}
	})
	for _, b := range list {
		for _, place := range found[b.word] {
			t.Errorf("%s has %q; docs/glossary.md has better words", place, b.word)
		}
	}
}

// bannedWords reads the table of the glossary. The third column says where a word is
// looked for: text, names, or both.
func bannedWords(t *testing.T) (list []banned) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, glossary))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "## Words that are not to come back")
	if !ok {
		t.Fatalf("%s has no list of words", glossary)
	}
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \| (text|names|both) \|$`).FindAllStringSubmatch(table, -1) {
		for _, word := range strings.Split(m[1], ", ") {
			list = append(list, banned{word, m[2] != "names", m[2] != "text",
				regexp.MustCompile(`(?i)\b` + strings.ReplaceAll(regexp.QuoteMeta(word), " ", `\s+`) + `\b`)})
		}
	}
	if len(list) < 20 {
		t.Fatalf("only %d words in %s", len(list), glossary)
	}
	return list
}

// goWords looks through the tokens of a Go file.
func goWords(path string, text []byte, list []banned, found map[string][]string) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile(path, -1, len(text))
	s.Init(file, text, nil, scanner.ScanComments)
	comment, from, next := "", 0, 0
	flush := func() {
		prose(fmt.Sprintf("%s:%d", path, from), comment, list, found)
		comment = ""
	}
	for {
		pos, tok, lit := s.Scan()
		line := file.Line(pos)
		if tok == token.COMMENT && comment != "" && line == next {
			comment, next = comment+"\n"+strings.TrimPrefix(lit, "//"), line+1 // a phrase may go over the end of a line
			continue
		}
		switch flush(); tok {
		case token.EOF:
			return
		case token.COMMENT:
			comment, from, next = strings.TrimPrefix(lit, "//"), line, line+1
		case token.STRING:
			prose(fmt.Sprintf("%s:%d", path, line), lit, list, found)
		case token.IDENT:
			identifier(fmt.Sprintf("%s:%d", path, line), lit, list, found)
		}
	}
}

// document looks through a file that is not Go. A phrase may go over the end of a
// line, in a comment of YAML and scripts, too.
func document(path string, text []byte, list []banned, found map[string][]string) {
	text = regexp.MustCompile(`(?m)^[ \t]*#`).ReplaceAllFunc(text, func(b []byte) []byte { return bytes.Repeat([]byte{' '}, len(b)) })
	for _, b := range list {
		for _, at := range b.match.FindAllIndex(text, -1) {
			if b.text {
				found[b.word] = append(found[b.word], fmt.Sprintf("%s:%d", path, 1+bytes.Count(text[:at[0]], []byte{'\n'})))
			}
		}
	}
}

// prose looks for the words in running text.
func prose(place, text string, list []banned, found map[string][]string) {
	for _, b := range list {
		if b.text && b.match.MatchString(text) {
			found[b.word] = append(found[b.word], place)
		}
	}
}

// identifier looks for the words among those that make up a Go name. A word with a
// capital is a name by itself.
func identifier(place, name string, list []banned, found map[string][]string) {
	parts := nameParts(name)
	for _, b := range list {
		if b.name && (b.word == name || slices.Contains(parts, b.word)) {
			found[b.word] = append(found[b.word], place)
		}
	}
}

// nameParts splits a Go name at its capitals: maxHelloSize is max, hello, size. What
// is in flight is one word.
func nameParts(name string) []string {
	var spaced strings.Builder
	var before rune
	for _, r := range name {
		if unicode.IsUpper(r) && !unicode.IsUpper(before) || r == '_' {
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(unicode.ToLower(r))
		before = r
	}
	return strings.Fields(strings.ReplaceAll(strings.ReplaceAll(spaced.String(), "_", " "), "in flight", "inflight"))
}
