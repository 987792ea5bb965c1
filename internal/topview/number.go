package topview

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// short formats a number in at most four characters: exactly below ten thousand, then with a
// decimal unit.
func short(n uint64) string {
	const exact = 10_000
	if n < exact {
		return strconv.FormatUint(n, 10)
	}
	v, unit := float64(n)/1000, 0
	const units = "kMGTPE"
	for v >= 999.5 && unit < len(units)-1 {
		v, unit = v/1000, unit+1
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f%c", v, units[unit])
	}
	return fmt.Sprintf("%.0f%c", v, units[unit])
}

// long formats a number with a comma between thousands.
func long(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// packets formats a number of packets.
func packets(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return long(n) + " packets"
}

// rate formats bytes a second like short.
func rate(v float64) string { return short(uint64(v + 0.5)) }

// safe returns text from outside as printable ASCII, which every terminal shows in as many
// columns as it has bytes: a serial console, too.
func safe(s string) string { return safetext.Cell(s) }

// cut returns s in at most width columns. Where something is missing it ends with a mark.
func cut(s string, width int) string {
	switch {
	case len(s) <= width:
		return s
	case width <= 0:
		return ""
	}
	return s[:width-1] + ">"
}

// cutFront is cut with the mark and what is missing at the front: of a host, its end says whose
// it is, and of a destination, the port.
func cutFront(s string, width int) string {
	switch {
	case len(s) <= width:
		return s
	case width <= 0:
		return ""
	}
	return "<" + s[len(s)-width+1:]
}

// pad returns s in exactly width columns.
func pad(s string, width int, right bool) string {
	s = cut(s, width)
	gap := strings.Repeat(" ", max(0, width-len(s)))
	if right {
		return gap + s
	}
	return s + gap
}
