package verify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Relays are the relays of Tor that a client may connect to.
type Relays struct {
	at         map[netip.AddrPort]bool
	ValidAfter time.Time
}

// ErrNoRelays is returned for a text that has no relay that clients may use.
var ErrNoRelays = errors.New("no relay for clients in it: it should be Tor's file cached-microdesc-consensus")

// maxRelays bounds a consensus; the network has some 8,000.
const maxRelays = 100_000

// ReadRelays reads a consensus (dir-spec, "Consensus document format"), such as Tor's file
// cached-microdesc-consensus. A relay counts if it is Valid and has Guard, Authority or
// V2Dir.
func ReadRelays(r io.Reader) (*Relays, error) {
	list := &Relays{at: map[netip.AddrPort]bool{}}
	in := bufio.NewScanner(r)
	var now []netip.AddrPort // of the relay that is being read
	for in.Scan() {
		key, rest, _ := strings.Cut(in.Text(), " ")
		switch key {
		case "valid-after":
			t, err := time.Parse(time.DateTime, rest)
			if err != nil {
				return nil, fmt.Errorf("reading valid-after: %w", err)
			}
			list.ValidAfter = t
		case "r":
			now = relayAddress(rest)
		case "a":
			if at, err := netip.ParseAddrPort(rest); err == nil && len(now) < 8 {
				now = append(now, at)
			}
		case "s":
			list.add(now, strings.Fields(rest))
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("reading the list of relays: %w", err)
	}
	if len(list.at) == 0 || list.ValidAfter.IsZero() {
		return nil, ErrNoRelays
	}
	return list, nil
}

// relayAddress reads the line of a router: its address and port are in front of the last
// word.
func relayAddress(line string) []netip.AddrPort {
	words := strings.Fields(line)
	if len(words) < 6 {
		return nil
	}
	a, err := netip.ParseAddr(words[len(words)-3])
	port, err2 := strconv.ParseUint(words[len(words)-2], 10, 16)
	if err != nil || err2 != nil {
		return nil
	}
	return []netip.AddrPort{netip.AddrPortFrom(a, uint16(port))}
}

// add adds a relay with some flags, if clients may use it.
func (l *Relays) add(at []netip.AddrPort, flags []string) {
	valid, entry := false, false
	for _, f := range flags {
		valid = valid || f == "Valid"
		entry = entry || f == "Guard" || f == "Authority" || f == "V2Dir"
	}
	if !valid || !entry {
		return
	}
	for _, a := range at {
		if len(l.at) < maxRelays {
			l.at[a] = true
		}
	}
}

// Len returns the number of addresses.
func (l *Relays) Len() int { return len(l.at) }

// Has reports whether an address is one of a relay.
func (l *Relays) Has(at netip.AddrPort) bool { return l.at[at] }

func sameRelays(a, b *Relays) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	return a.ValidAfter.Equal(b.ValidAfter) && len(a.at) == len(b.at)
}
