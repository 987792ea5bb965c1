package behaviour

import (
	"fmt"
	"strings"
	"time"
)

// who returns the current subject for a sentence.
func (e *Engine) who() string { return e.cur.name }

// whom returns the current destination for a sentence.
func (e *Engine) whom() string {
	o := e.obs
	at := o.Addr.String()
	switch {
	case !o.Addr.IsValid():
		return o.Name
	case o.Proto == protoICMP || o.Proto == protoICMPv6:
	case o.Addr.Is6():
		at = fmt.Sprintf("[%s]:%d", at, o.Port)
	default:
		at = fmt.Sprintf("%s:%d", at, o.Port)
	}
	if o.Name != "" {
		return fmt.Sprintf("%s (%s)", o.Name, at)
	}
	return at
}

// tail returns evidence as the end of a sentence.
func tail(evidence []string) string {
	if len(evidence) == 0 {
		return ""
	}
	return "; " + strings.Join(evidence, "; ")
}

// seconds returns a duration in nanoseconds as people write it.
func seconds(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 5*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

// clock returns a time for a sentence, in UTC, so that replays say the same.
func clock(at int64) string { return time.Unix(0, at).UTC().Format("2006-01-02 15:04 UTC") }

// size returns a number of bytes as people write it.
func size(n uint64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d bytes", n)
	case n < 10_000_000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}
