package behaviour

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// who returns the current subject for a sentence.
func (e *Engine) who() string { return e.cur.name }

// whom returns the current destination for a sentence.
func (e *Engine) whom() string {
	o := e.obs
	if !o.Addr.IsValid() {
		return o.Name
	}
	at := where(o.Addr, o.Port, o.Proto)
	if o.Name != "" {
		return fmt.Sprintf("%s (%s)", o.Name, at)
	}
	return at
}

// where returns an address and its port, if the protocol has ports, for a sentence.
func where(a netip.Addr, port uint16, proto uint8) string {
	if proto == protoICMP || proto == protoICMPv6 {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
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
