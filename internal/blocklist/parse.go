package blocklist

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
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
	// ErrNotList is wrapped by errors about a text that is no list.
	ErrNotList = errors.New("not a list of names")
)

const (
	maxLine  = 4096 // bytes
	maxRules = 20_000_000
)

// Parse reads a list in any of the usual formats, line by line: hosts files,
// plain names, *.wildcards, adblock rules of domains with their exceptions,
// settings of dnsmasq and Unbound that block names, with the exceptions from
// them, /regular expressions/, addresses and networks. It calls use with each rule, which is valid during the
// call only, and ends with the first error that use returns. The rules before an
// error have been used. A text that is no list at all, such as an HTML page, is an
// error that wraps [ErrNotList] before the first rule.
func Parse(r io.Reader, opts Options, use func(*Rule) error) (Report, error) {
	p := parser{opts: opts, use: use}
	if p.opts.MaxRules == 0 {
		p.opts.MaxRules = maxRules
	}
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(headSize) // an error comes again with the first line
	if reason := notList(head); reason != "" {
		return p.report, fmt.Errorf("%w: %s", ErrNotList, reason)
	}
	for {
		line, err := p.readLine(in)
		if len(line) > 0 || err == nil {
			p.line++
			if err := p.parse(line); err != nil {
				return p.report, fmt.Errorf("line %d: %w", p.line, err)
			}
		}
		if errors.Is(err, io.EOF) {
			return p.report, p.finish()
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
	zone   string    // Unbound's last zone of type redirect, "" for none
	rule   Rule      // passed to use
	space  [320]byte // memory of rule.Name
	buf    []byte    // memory of a line that does not fit into the reader's buffer

	exceptions exceptions
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
	if len(line) == 0 || line[0] == '!' || line[0] == ';' || line[0] == '[' || line[0] == '#' && !cosmetic(line) {
		return nil
	}
	if cosmetic(line) {
		return p.skip(line, skipCosmetic)
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
	case bytes.IndexByte(line, '=') > 0:
		return p.dnsmasq(line)
	case bytes.IndexByte(line, ':') > 0:
		return p.unbound(line)
	}
	return p.fields(line)
}

// beforeComment returns the line without the comment at its end. Lists of networks and
// zone files begin one with a semicolon.
func beforeComment(line []byte) []byte {
	for i := 1; i < len(line); i++ {
		if (line[i] == '#' || line[i] == ';') && (line[i-1] == ' ' || line[i-1] == '\t') {
			return bytes.TrimSpace(line[:i])
		}
	}
	return line
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

// The reasons why a line is skipped: it is valid, but does not block names.
const (
	skipCosmetic = "a rule that hides parts of pages"
	skipURL      = "a rule for URLs, not for names"
	skipOptions  = "a rule with conditions that a resolver cannot check"
	skipServer   = "names a server to ask for the name, and does not block it"
	skipAddress  = "gives the name an address, and does not block it"
	skipSetting  = "a setting of dnsmasq or Unbound that blocks no name"
)

// skip counts a line that is valid but no rule.
func (p *parser) skip(line []byte, reason string) error {
	p.report.Skipped++
	for i := range p.report.Skips {
		if p.report.Skips[i].Reason == reason {
			return nil
		}
	}
	text := string(line[:min(len(line), 80)])
	p.report.Skips = append(p.report.Skips, Fault{Line: p.line, Text: text, Reason: reason})
	return nil
}

// emit passes on the current rule.
func (p *parser) emit() error {
	if p.report.Rules++; p.report.Rules > p.opts.MaxRules {
		return ErrRules
	}
	return p.use(&p.rule)
}
