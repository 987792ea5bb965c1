package pcapfilter

import (
	"net/netip"
	"strconv"
	"strings"
)

// kind is the class of a token. If two match the same text, the greater one wins,
// as by the order of the rules in libpcap's scanner.
type kind int

const (
	kindEnd  kind = iota
	kindName      // any other word, or what follows a backslash
	kindAddr6
	kindAddr4 // also two or three parts: "10.1"
	kindNum
	kindMAC
	kindWord // a keyword
	kindOp
)

type token struct {
	kind kind
	text string // normalised: "&&" is "and", "==" is "="
	num  uint32 // of kindNum
	off  int    // in bytes into the expression
}

// is reports whether t is one of the keywords or operators.
func (t token) is(words ...string) bool {
	if t.kind != kindWord && t.kind != kindOp {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

// String returns the token as it appears in errors.
func (t token) String() string {
	if t.kind == kindEnd {
		return "the end of the expression"
	}
	return strconv.Quote(t.text)
}

// scan splits an expression into tokens; the last one is always kindEnd.
func scan(expr string) ([]token, error) {
	var toks []token
	for i := 0; i < len(expr); {
		if strings.IndexByte(" \t\r\n", expr[i]) >= 0 {
			i++
			continue
		}
		t, n, what := next(expr[i:])
		t.off = i
		if what != "" {
			return nil, &Error{Expr: expr, Offset: i, What: what, Hint: "see pcap-filter(7)"}
		}
		toks = append(toks, t)
		i += n
	}
	return append(toks, token{off: len(expr)}), nil
}

// next returns the longest token at the start of s and its length in bytes, or
// what is wrong there.
func next(s string) (token, int, string) {
	if t, n := operator(s); n > 0 {
		return t, n, ""
	}
	if s[0] == '\\' {
		return escaped(s)
	}
	best, k := nameLen(s), kindName
	if best > 0 {
		if _, ok := keyword(s[:best]); ok {
			k = kindWord
		}
	}
	better := func(n int, nk kind) {
		if n > best || n == best && n > 0 && nk > k {
			best, k = n, nk
		}
	}
	better(macLen(s), kindMAC)
	better(numLen(s), kindNum)
	better(addr4Len(s), kindAddr4)
	better(addr6Len(s), kindAddr6)
	if best == 0 {
		return token{}, 0, "unexpected character " + strconv.QuoteRune(firstRune(s))
	}
	return classify(s[:best], k)
}

// firstRune returns the first character of s.
func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// classify returns the token of a text whose kind is known.
func classify(text string, k kind) (token, int, string) {
	t := token{kind: k, text: text}
	switch k {
	case kindWord:
		t.text, _ = keyword(text)
		if t.text == "and" || t.text == "or" || t.text == "not" {
			t.kind = kindOp
		}
	case kindName:
		if v, ok := constants[text]; ok {
			t.kind, t.num = kindNum, v
		}
	case kindNum:
		// Base 0 reads C syntax; an underscore or "0b" cannot occur here.
		v, err := strconv.ParseUint(text, 0, 32)
		if err != nil {
			return t, 0, "number " + text + " is not decimal, octal or hexadecimal of 32 bits"
		}
		t.num = uint32(v)
	}
	return t, len(text), ""
}

// escaped reads a name after a backslash.
func escaped(s string) (token, int, string) {
	n := strings.IndexAny(s, " !()\n\t")
	if n < 0 {
		n = len(s)
	}
	if n == 1 {
		return token{}, 0, "a name is missing after the backslash"
	}
	return token{kind: kindName, text: s[1:n]}, n, ""
}

// operator reads an operator; the length is 0 if there is none.
func operator(s string) (token, int) {
	for _, op := range [...][2]string{
		{"&&", "and"}, {"||", "or"}, {"==", "="}, {">=", ">="}, {"<=", "<="}, {"!=", "!="}, {"<<", "<<"}, {">>", ">>"},
	} {
		if strings.HasPrefix(s, op[0]) {
			return token{kind: kindOp, text: op[1]}, 2
		}
	}
	switch {
	case s[0] == '!':
		return token{kind: kindOp, text: "not"}, 1
	case s[0] == ':' && addr6Len(s) > 1: // "::1" is an address
		return token{}, 0
	case strings.IndexByte("+-*/%:[]<>()&|^=", s[0]) >= 0:
		return token{kind: kindOp, text: s[:1]}, 1
	}
	return token{}, 0
}

// nameLen returns the length of the name or keyword at the start of s.
func nameLen(s string) int {
	if !isAlnum(s[0]) {
		return 0
	}
	n := 1
	for n < len(s) && (isAlnum(s[n]) || strings.IndexByte("-_.", s[n]) >= 0) {
		n++
	}
	for s[n-1] == '-' || s[n-1] == '_' {
		n--
	}
	return n
}

func isAlnum(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// hexRun returns how many hexadecimal digits s starts with, limit at most.
func hexRun(s string, limit int) int {
	n := 0
	for n < len(s) && n < limit && isHex(s[n]) {
		n++
	}
	return n
}

// numLen returns the length of the number at the start of s.
func numLen(s string) int {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && isHex(s[2]) {
		return 2 + hexRun(s[2:], len(s))
	}
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// addr4Len measures two to four numbers with dots between them.
func addr4Len(s string) int {
	n := numLen(s)
	parts := 1
	for n > 0 && parts < 4 && n < len(s) && s[n] == '.' {
		m := numLen(s[n+1:])
		if m == 0 {
			break
		}
		n += 1 + m
		parts++
	}
	if parts == 1 {
		return 0
	}
	return n
}

// addr6Len measures the longest IPv6 address, at most 45 bytes of text.
func addr6Len(s string) int {
	n := 0
	for n < len(s) && n < 45 && (isHex(s[n]) || s[n] == ':' || s[n] == '.') {
		n++
	}
	for ; n > 1; n-- {
		if strings.Count(s[:n], ":") < 2 {
			return 0
		}
		if a, err := netip.ParseAddr(s[:n]); err == nil && a.Is6() {
			return n
		}
	}
	return 0
}

// macLen measures an Ethernet address in one of the five spellings.
func macLen(s string) int {
	if hexRun(s, 12) == 12 {
		return 12
	}
	if n := groups(s, '.', 3, 4, 4); n > 0 {
		return n
	}
	for _, sep := range [...]byte{':', '-', '.'} {
		if n := groups(s, sep, 6, 1, 2); n > 0 {
			return n
		}
	}
	return 0
}

// groups measures count groups of low to high hex digits with sep between them.
func groups(s string, sep byte, count, low, high int) int {
	n := 0
	for i := range count {
		if i > 0 {
			if n >= len(s) || s[n] != sep {
				return 0
			}
			n++
		}
		h := hexRun(s[n:], high)
		if h < low {
			return 0
		}
		n += h
	}
	return n
}
