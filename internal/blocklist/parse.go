package blocklist

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Options control how a list is read. The zero value has sensible defaults.
type Options struct {
	// Compat reads `||x^` as x alone, as blocky does; everywhere else it means x
	// and all names below it.
	Compat bool
	// MaxFaults is the number of invalid lines that are tolerated. One more ends the
	// reading of the list, and the rules before it count. 0 means no limit.
	MaxFaults int
	// MaxRules bounds the rules; 0 means 20 million.
	MaxRules int
}

// Errors that end the reading of a list.
var (
	ErrFaults = errors.New("too many invalid lines")
	ErrRules  = errors.New("too many rules")
)

const (
	maxLine  = 4096 // bytes
	maxRules = 20_000_000
)

// Parse reads a list in any of the usual formats, line by line: hosts files,
// plain names, *.wildcards, adblock rules of domains with their exceptions,
// dnsmasq's address=/x/, /regular expressions/, addresses and networks. It calls
// use with each rule, which is valid during the call only, and ends with the first
// error that use returns. The rules before an error have been used.
func Parse(r io.Reader, opts Options, use func(*Rule) error) (Report, error) {
	p := parser{opts: opts, use: use}
	if p.opts.MaxRules == 0 {
		p.opts.MaxRules = maxRules
	}
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := p.readLine(in)
		if len(line) > 0 || err == nil {
			p.line++
			if err := p.parse(line); err != nil {
				return p.report, fmt.Errorf("line %d: %w", p.line, err)
			}
		}
		if errors.Is(err, io.EOF) {
			return p.report, nil
		}
		if err != nil {
			return p.report, fmt.Errorf("reading line %d: %w", p.line+1, err)
		}
	}
}

// parser is the state of Parse.
type parser struct {
	opts   Options
	use    func(*Rule) error
	report Report
	line   int       // number of the current line, from 1
	long   bool      // the line is longer than maxLine
	rule   Rule      // passed to use
	space  [320]byte // memory of rule.Name
	buf    []byte    // memory of a line that does not fit into the reader's buffer
}

// readLine returns the next line without its end. Of a line that is too long it
// returns the beginning, and sets long.
func (p *parser) readLine(in *bufio.Reader) ([]byte, error) {
	p.buf, p.long = p.buf[:0], false
	for {
		part, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || len(p.buf) > 0 {
			if len(p.buf) < maxLine {
				p.buf = append(p.buf, part...)
			}
			part = p.buf
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		p.long = len(part) > maxLine
		return bytes.TrimSuffix(part, []byte("\n")), err
	}
}

// parse reads one line.
func (p *parser) parse(line []byte) error {
	if p.long {
		return p.fault(line[:80], "longer than 4096 bytes")
	}
	if p.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] == '!' || line[0] == '[' || line[0] == '#' && !cosmetic(line) {
		return nil
	}
	if cosmetic(line) {
		p.report.Skipped++
		return nil
	}
	if line[0] == '/' {
		return p.expression(line)
	}
	line = beforeComment(line)
	switch {
	case bytes.HasPrefix(line, []byte("@@")):
		return p.adblock(line[2:], true)
	case line[0] == '|':
		return p.adblock(line, false)
	case isDnsmasq(line):
		return p.dnsmasq(line)
	}
	return p.fields(line)
}

// isDnsmasq reports whether a line is a setting of dnsmasq for names.
func isDnsmasq(line []byte) bool {
	return bytes.HasPrefix(line, []byte("address=/")) || bytes.HasPrefix(line, []byte("local=/")) ||
		bytes.HasPrefix(line, []byte("server=/"))
}

// cosmetic reports whether a line is an adblock rule that hides parts of pages,
// which a resolver cannot do.
func cosmetic(line []byte) bool {
	for _, mark := range [...]string{"##", "#@#", "#?#", "#$#", "#%#"} {
		if i := bytes.Index(line, []byte(mark)); i >= 0 && !bytes.ContainsAny(line[:i], " \t") {
			return i > 0 || mark != "##" || len(line) > 2 && line[2] != '#' && line[2] != ' '
		}
	}
	return false
}

// beforeComment returns the line without the comment at its end.
func beforeComment(line []byte) []byte {
	for i := 1; i < len(line); i++ {
		if line[i] == '#' && (line[i-1] == ' ' || line[i-1] == '\t') {
			return bytes.TrimSpace(line[:i])
		}
	}
	return line
}

// adblock reads ||name^ and the options after it.
func (p *parser) adblock(line []byte, allow bool) error {
	body, ok := bytes.CutPrefix(line, []byte("||"))
	if !ok {
		p.report.Skipped++ // a rule for URLs
		return nil
	}
	body, options, _ := bytes.Cut(body, []byte("$"))
	body = bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("|")), []byte("^"))
	if bytes.ContainsAny(body, "/^|:") || bytes.Contains(body, []byte("*")) && !bytes.HasPrefix(body, []byte("*.")) ||
		len(options) > 0 && !unrestricted(string(options)) {
		p.report.Skipped++
		return nil
	}
	kind := Tree
	if p.opts.Compat {
		kind = Exact
	}
	return p.add(bytes.TrimPrefix(body, []byte("*.")), kind, allow, line)
}

// unrestricted reports whether a rule with these options applies to all requests
// for a name.
func unrestricted(options string) bool {
	for o := range strings.SplitSeq(options, ",") {
		switch o {
		case "all", "important", "document", "doc", "popup":
		default:
			return false
		}
	}
	return true
}

// dnsmasq reads address=/a/b/ADDRESS, which stands for the names and all names
// below them. The address is ignored.
func (p *parser) dnsmasq(line []byte) error {
	_, rest, _ := bytes.Cut(line, []byte("/"))
	names := bytes.Split(rest, []byte("/"))
	for _, name := range names[:len(names)-1] {
		if err := p.add(name, Tree, false, line); err != nil {
			return err
		}
	}
	return nil
}

// fault counts an invalid line. It returns ErrFaults if there are too many.
func (p *parser) fault(line []byte, reason string) error {
	if p.report.Wrong++; len(p.report.Faults) < MaxFaults {
		text := string(line[:min(len(line), 80)])
		p.report.Faults = append(p.report.Faults, Fault{Line: p.line, Text: text, Reason: reason})
	}
	if p.opts.MaxFaults > 0 && p.report.Wrong > p.opts.MaxFaults {
		return ErrFaults
	}
	return nil
}

// emit passes on the current rule.
func (p *parser) emit() error {
	if p.report.Rules++; p.report.Rules > p.opts.MaxRules {
		return ErrRules
	}
	return p.use(&p.rule)
}
