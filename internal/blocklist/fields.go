package blocklist

import (
	"bytes"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strings"

	"golang.org/x/net/idna"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// fields reads a line of words: a name, an address, or a line of a hosts file.
func (p *parser) fields(line []byte) error {
	first, rest, several := bytes.Cut(line, []byte(" "))
	if tab := bytes.IndexByte(first, '\t'); tab >= 0 {
		first, rest, several = line[:tab], line[tab+1:], true
	}
	if first[0]-'0' > 9 && !several && bytes.IndexByte(first, ':') < 0 {
		return p.name(first)
	}
	if net, ok := parseNet(string(first)); ok {
		if !several {
			p.rule = Rule{Kind: Net, Net: net}
			return p.emit()
		}
		if net.IsSingleIP() {
			return p.hosts(line, net.Addr(), rest)
		}
	}
	if several {
		return p.fault(line, "neither a single name nor a line of a hosts file, which begins with an address")
	}
	return p.name(first)
}

// hosts reads the names of a line of a hosts file, in which # begins a comment anywhere.
// Each is a rule, except those that hosts files have for the machine itself, and those
// with the address of a real host: such a line is there to reach the name.
func (p *parser) hosts(line []byte, a netip.Addr, rest []byte) error {
	rest, _, _ = bytes.Cut(rest, []byte("#"))
	for name := range bytes.FieldsSeq(rest) {
		if ownName(string(name)) {
			continue
		}
		if !null(a) {
			return p.skip(line, skipAddress)
		}
		if err := p.add(name, Exact, false, name); err != nil {
			return err
		}
	}
	return nil
}

// ownName reports whether a name in a hosts file is one of the machine itself.
func ownName(name string) bool {
	switch name {
	case "localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet",
		"ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts", "0.0.0.0":
		return true
	}
	return false
}

// name reads a name or a wildcard.
func (p *parser) name(word []byte) error {
	if rest, ok := bytes.CutPrefix(word, []byte("*.")); ok {
		return p.add(rest, Tree, false, word)
	}
	if word[0] == '.' {
		return p.add(word[1:], Tree, false, word)
	}
	rules := p.report.Rules
	err := p.add(word, Exact, false, word)
	if bytes.IndexByte(bytes.TrimSuffix(word, []byte(".")), '.') < 0 {
		p.report.Words += p.report.Rules - rules
	}
	return err
}

// add passes on a rule for a name. line is the text for a fault.
func (p *parser) add(name []byte, kind Kind, allow bool, line []byte) error {
	wire, reason := p.wire(name)
	if reason != "" {
		return p.fault(line, reason)
	}
	p.rule = Rule{Kind: kind, Allow: allow, Name: wire}
	return p.emit()
}

// addTree passes on a rule of a setting for a name and all below it, from which the list
// may have exceptions. data reports whether names with an address of their own are some.
func (p *parser) addTree(name []byte, data bool, line []byte) error {
	wrong := p.report.Wrong
	err := p.add(name, Tree, false, line)
	if err == nil && p.report.Wrong == wrong {
		p.exceptions.block(p.rule.Name, data)
	}
	return err
}

// The reasons why a name is invalid.
const (
	badLength    = "longer than 255 bytes"
	badLabel     = "a label is empty or longer than 63 bytes"
	badCharacter = "a character that is not allowed in names"
	badIDN       = "not a valid internationalized name"
)

// wire returns a name in wire form and lower case, or the reason why it is invalid.
// Names that are not ASCII become what a client would query (IDNA). The result is
// valid until the next call.
func (p *parser) wire(name []byte) (wire []byte, reason string) {
	name = bytes.TrimSuffix(name, []byte("."))
	if len(name) > dnsmsg.MaxName {
		return nil, badLength
	}
	for _, c := range name {
		if c >= 0x80 {
			return p.foreign(name)
		}
	}
	out := append(p.space[:0], 0)
	label := 0
	for _, c := range name {
		switch {
		case c == '.':
			if !endLabel(out, label) {
				return nil, badLabel
			}
			label, out = len(out), append(out, 0)
		case c-'A' < 26:
			out = append(out, c|0x20)
		case c-'a' < 26, c-'0' <= 9, c == '-', c == '_':
			out = append(out, c)
		default:
			return nil, badCharacter
		}
		if len(out) > dnsmsg.MaxName {
			return nil, badLength
		}
	}
	if !endLabel(out, label) {
		return nil, badLabel
	}
	if bytes.Contains(out, []byte("xn--")) && !validIDN(name) {
		return nil, badIDN
	}
	return append(out, 0), ""
}

// endLabel sets the length of the last label of name, which starts at offset label,
// and reports whether it is valid.
func endLabel(name []byte, label int) bool {
	n := len(name) - label - 1
	name[label] = byte(n)
	return n > 0 && n <= 63
}

// profile is lenient, so that names with underscores pass.
var profile = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.BidiRule())

// validIDN reports whether a name with labels in Punycode is valid.
func validIDN(name []byte) bool {
	_, err := profile.ToUnicode(string(name))
	return err == nil
}

// foreign is wire for a name that is not ASCII.
func (p *parser) foreign(name []byte) ([]byte, string) {
	ascii, err := profile.ToASCII(string(name))
	if err != nil || strings.ContainsFunc(ascii, func(r rune) bool { return r >= 0x80 }) {
		return nil, badIDN
	}
	return p.wire([]byte(ascii))
}

// parseNet reads an address or a network.
func parseNet(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	n, err := netip.ParsePrefix(s)
	return n.Masked(), err == nil
}

// tree matches an expression that stands for a name and all names below it.
var tree = regexp.MustCompile(`^\(\^\|\\\.\)((?:[a-z0-9_-]+\\\.)+[a-z0-9-]+)\$$`)

// maxExpression is the length in bytes of the longest expression. Matching takes
// time in proportion to the size of the expression and the length of the name.
const maxExpression = 512

// expression reads /re/. One that stands for a name and all names below it becomes
// a Tree.
func (p *parser) expression(line []byte) error {
	if len(line) < 3 || line[len(line)-1] != '/' {
		return p.fault(line, "an expression needs a / at both ends")
	}
	text := string(line[1 : len(line)-1])
	if strings.ToLower(text) != text { // names are matched in lower case
		text = "(?i)" + text
	}
	if m := tree.FindStringSubmatch(text); m != nil {
		return p.add([]byte(strings.ReplaceAll(m[1], `\.`, ".")), Tree, false, line)
	}
	if len(text) > maxExpression {
		return p.fault(line, "an expression of more than 512 bytes")
	}
	size, err := programSize(text)
	if err != nil {
		return p.fault(line, err.Error())
	}
	if size > maxProgram {
		return p.fault(line, "an expression with too many repetitions")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return p.fault(line, err.Error())
	}
	p.rule = Rule{Kind: Regexp, Expr: re, instructions: size}
	return p.emit()
}

// maxProgram bounds the instructions of one expression, because a short text can
// stand for millions of them.
const maxProgram = 2000

// maxRepeats bounds the repetitions of an expression before it is compiled; nested
// ones are multiplied.
const maxRepeats = 200

// programSize returns the number of instructions of an expression, and more than
// maxProgram, without compiling it, if it has too many repetitions.
func programSize(text string) (int, error) {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0, err
	}
	if repeats(re) > maxRepeats {
		return maxProgram + 1, nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

// repeats returns the number of repetitions of an expression, 2^20 at most.
func repeats(re *syntax.Regexp) int {
	n := 1
	for _, sub := range re.Sub {
		n = max(n, repeats(sub))
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return min(n, 1<<20)
}
