package localdata

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

// maxHosts bounds a hosts file, in bytes.
const maxHosts = 16 << 20

// maxFaults is how many invalid lines of a hosts file are described.
const maxFaults = 5

// Hosts adds the lines of a hosts file and returns how many of them are not valid.
// Loopback addresses are left out unless loopback is set. A text that is no hosts file,
// as none of its lines is valid, is an error, which names the file if r has a name.
func (z *Records) Hosts(r io.Reader, ttl uint32, loopback bool) (wrong int, err error) {
	h := hosts{Records: z, ttl: ttl, loopback: loopback}
	if err := h.read(r); err != nil {
		return 0, err
	}
	if h.wrong > 0 && h.valid == 0 {
		return h.wrong, named(r, fmt.Errorf("%d invalid lines, and none with an address and names; %s", h.wrong, h.faults[0]))
	}
	return h.wrong, nil
}

// HostsFaults describes the first lines of a hosts file that are not valid.
func HostsFaults(r io.Reader) ([]string, error) {
	h := hosts{Records: NewRecords(), ttl: TTL}
	err := h.read(r)
	if more := h.wrong - len(h.faults); more > 0 {
		h.faults = append(h.faults, fmt.Sprintf("and %d more", more))
	}
	return h.faults, err
}

// hosts reads a hosts file.
type hosts struct {
	*Records
	ttl          uint32
	loopback     bool
	valid, wrong int      // lines
	faults       []string // the first ones
}

func (h *hosts) read(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxHosts))
	if err != nil {
		return err
	}
	if err := notHosts(text); err != nil {
		return named(r, err)
	}
	if text, err = textmark.Trim(text); err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		fault := h.line(f)
		if fault == "" {
			h.valid++
			continue
		}
		if h.wrong++; len(h.faults) < maxFaults {
			h.faults = append(h.faults, fmt.Sprintf("line %d, %.80q: %s", n, strings.TrimSpace(line), fault))
		}
	}
	return nil
}

// notHosts returns an error about a text that is no hosts file, nil if it may be one.
func notHosts(text []byte) error {
	head := text[:min(len(text), 4<<10)]
	switch {
	case textmark.IsUTF16(head):
		return nil // textmark.Trim has the error
	case textmark.Kind(head) != "":
		return errors.New(textmark.Kind(head))
	case textmark.IsMarkup(head):
		return errors.New("it is an HTML or XML page, not a hosts file")
	case textmark.IsJSON(head):
		return errors.New("it is JSON, not a hosts file")
	}
	return nil
}

// line adds the names of a line, and returns what is wrong with it.
func (h *hosts) line(f []string) (fault string) {
	a, err := netip.ParseAddr(f[0])
	switch {
	case err != nil && len(f) > 1 && isAddr(f[1]):
		return "the address must come before the names"
	case err != nil:
		return fmt.Sprintf("%q is not an address", f[0])
	case len(f) < 2:
		return "there is no name behind the address"
	}
	if a = a.Unmap().WithZone(""); a.IsLoopback() && !h.loopback {
		return ""
	}
	for _, name := range f[1:] {
		switch {
		case isAddr(name):
			fault = fmt.Sprintf("%q is an address, where a name must be", name)
		case strings.HasPrefix(name, "*."):
			fault = fmt.Sprintf("%q is not the name of a host; write it as one of records", name)
		default:
			if err := h.Address(name, a, h.ttl, dnsevent.FromHosts); err != nil {
				fault = fmt.Sprintf("%q: %v", name, err)
			}
		}
	}
	return fault
}

func isAddr(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// named puts the name of a file before an error.
func named(r io.Reader, err error) error {
	if f, ok := r.(interface{ Name() string }); ok {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return err
}
