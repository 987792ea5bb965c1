package blocklist

import (
	"bytes"
	"strings"
)

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

// adblock reads ||name^ and the options after it.
func (p *parser) adblock(line []byte, allow bool) error {
	body, ok := bytes.CutPrefix(line, []byte("||"))
	if !ok {
		return p.skip(line, skipURL)
	}
	body, options, _ := bytes.Cut(body, []byte("$"))
	body = bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("|")), []byte("^"))
	if bytes.ContainsAny(body, "/^|:") || bytes.Contains(body, []byte("*")) && !bytes.HasPrefix(body, []byte("*.")) {
		return p.skip(line, skipURL)
	}
	if len(options) > 0 && !unrestricted(string(options)) {
		return p.skip(line, skipOptions)
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
