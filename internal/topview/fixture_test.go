package topview_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// hostile is a name as a server may send it.
const hostile = "\x1b[2J\x1b]0;owned\x07\u202eevil\n紅 \xff"

// snapshot returns one of n qubes, i seconds after the start of the beat, in which qube k
// sends k kilobytes a second.
func snapshot(n, i int) *topview.Snapshot {
	s := &topview.Snapshot{At: time.Date(2026, 11, 21, 20, 59, 31, 0, time.UTC), Uptime: time.Duration(i) * time.Second}
	for k := range n {
		refused := uint64(k % 3)
		q := topview.Qube{Interface: fmt.Sprintf("vif%d.0", k+1), Name: fmt.Sprintf("qube-%d", k), Label: []string{"red", "blue", "green"}[k%3], Flows: k,
			DNS: &topview.DNS{Queries: uint64(2 * k), Blocked: uint64(k)}, Refused: &refused}
		q.Out.Bytes = uint64(1000 * k * i)
		q.Top = &topview.Peer{Name: "www.example.org", Address: "198.51.100.7", Port: 443, Transport: "tcp"}
		s.Qubes = append(s.Qubes, q)
	}
	return s
}

// text returns the lines of a screen, without spaces at their ends.
func text(m *topview.Model, width, height int) string {
	var b strings.Builder
	for _, l := range m.Draw(width, height) {
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	return b.String()
}
