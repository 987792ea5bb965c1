package topology

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// maxText is the number of characters of a name or an endpoint that are shown: more than
// a valid name has.
const maxText = 40

// text makes a text from outside harmless and short.
func text(s string) string {
	s = safetext.Line(s)
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	return string([]rune(s)[:maxText-1]) + "…"
}

// dash returns a text, "-" for none.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return text(s)
}

// addresses returns the addresses of a qube as a list.
func (q *Qube) addresses() string {
	var b strings.Builder
	for i, a := range q.Addrs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(address(a))
	}
	return dash(b.String())
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// way returns where a tunnel leads: its protocol and endpoint.
func (e *Exit) way() string {
	return strings.TrimSpace(text(e.Protocol) + " " + text(e.Endpoint))
}

// external returns the addresses under which others see a qube, with how that is known
// and since when.
func (q *Qube) external(at time.Time) string {
	var list []string
	for _, e := range q.Exit.External {
		list = append(list, fmt.Sprintf("%s (%s, %s)", address(e.Addr), dash(e.Method), age(at.Sub(e.At))))
	}
	return strings.Join(list, ", ")
}

// age returns how long ago something was, in one unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d/time.Second)))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}

// verdict returns the mark of a qube and the checks behind it; "" if there is none.
func (q *Qube) verdict() string {
	words := [...]string{"", "ok", "stale", "not known", "FAIL"}[min(q.Mark, Fail)]
	if len(q.Checks) == 0 || q.Mark <= Pass {
		return words
	}
	var ids []string
	for _, c := range q.Checks {
		ids = append(ids, text(c))
	}
	return words + " " + strings.Join(ids, ", ")
}
