package blocky

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// Result is a translated configuration.
type Result struct {
	// YAML is a file for qubesbeat with a section `resolver`. It is nil if the
	// upstreams cannot be translated.
	YAML []byte
	// Warnings name the keys that have no counterpart or are not translated exactly, with
	// the effect.
	Warnings []string
}

// Files looks at the files that a configuration names. What cannot be used is left
// out of the result, with a warning.
type Files interface {
	// List returns the path to write for a file of rules, or an error if a start with
	// these options would not use it.
	List(path string, o blocklist.Options) (string, error)
	// Hosts returns the path to write for a hosts file, or an error if it cannot be read.
	Hosts(path string) (string, error)
	// Dir is Hosts for a directory to write to, which must exist.
	Dir(path string) (string, error)
}

// ErrNoUpstream means that none of the servers that qubes would ask by default can be
// translated. Without them the resolver would ask those that Qubes gave sys-log, in
// clear text.
var ErrNoUpstream = errors.New("the default group has no server that can be asked; " +
	"see the warnings, and give it one such as tcp-tls:9.9.9.9#dns.quad9.net")

// converter translates one configuration.
type converter struct {
	*tree
	files    Files
	out      map[string]any
	warnings []string
	policies []map[string]any
	clients  map[string]*client
	order    []string         // the names of clients, in the order of the file
	named    []string         // hosts of servers that are not given by address
	asked    []netip.AddrPort // servers of this machine that are asked in clear text
	count    int              // groups of upstreams beside the default
	rules    blocklist.Options
	failed   error // why there is no result
}

// warn adds a warning about a value. The value counts as read.
func (c *converter) warn(n *node, format string, args ...any) {
	n.read = true
	c.say(n.path, format, args...)
}

// say adds a warning about a key.
func (c *converter) say(key, format string, args ...any) {
	c.warnings = append(c.warnings, short(key+": "+fmt.Sprintf(format, args...)))
}

// maxWarning bounds a warning, in bytes.
const maxWarning = 800

// short cuts a text that is too long.
func short(s string) string {
	if len(s) > maxWarning {
		return strings.ToValidUTF8(s[:maxWarning], "") + "..."
	}
	return s
}

// Convert translates a configuration of blocky, of any version up to 0.34. The
// error is not nil if text is not YAML, or empty. It wraps [ErrNoUpstream] if there
// is nothing to ask by default; the result then has warnings only.
func Convert(text []byte, files Files) (*Result, error) {
	t, err := readTree(text)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of blocky: %w", err)
	}
	c := &converter{tree: t, files: files, out: map[string]any{}, clients: map[string]*client{}}
	c.lookup()
	c.upstreams()
	c.local()
	c.conditional()
	c.bootstrap()
	c.ports() // which keeps off the ports of servers that are asked
	c.blocking()
	c.caching()
	c.protocol()
	c.logging()
	c.writePolicies()
	c.unusedClients()
	c.warnUnread(c.root)
	if c.failed != nil {
		return &Result{Warnings: c.warnings}, fmt.Errorf("translating the upstreams: %w", c.failed)
	}
	data, err := yaml.Marshal(escape(map[string]any{"qubesbeat": map[string]any{"resolver": c.out}}))
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return &Result{YAML: data, Warnings: c.warnings}, nil
}

// set sets a dotted key of the result.
func (c *converter) set(path string, v any) {
	keys := strings.Split(path, ".")
	m := c.out
	for _, k := range keys[:len(keys)-1] {
		inner, ok := m[k].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[k] = inner
		}
		m = inner
	}
	m[keys[len(keys)-1]] = v
}

// escape doubles every dollar sign in the texts of a value: the beat's own
// configuration expands ${NAME}.
func escape(v any) any {
	switch v := v.(type) {
	case string:
		return escapeText(v)
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = escapeText(s)
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i, m := range v {
			out[i] = escape(m)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, one := range v {
			out[k] = escape(one)
		}
		return out
	}
	return v
}

// escapeText is escape for a text. Of lines that begin with a space, yaml.v3 makes a block
// that it cannot read itself.
func escapeText(s string) any {
	s = strings.ReplaceAll(s, "$", "$$")
	if strings.Contains(s, "\n") && strings.TrimLeft(s, " \t\r\n") != s {
		return &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: s}
	}
	return s
}
