package upstream

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Bootstrap resolves the names of upstream servers, and of the hosts from which
// lists are fetched, through servers that are given by address. It does not use the
// system's resolver, which in sys-log may be this program. It is safe for
// concurrent use.
type Bootstrap struct {
	group *Group
	mu    sync.Mutex
	known map[string]found // guarded by mu
}

// found is an address of a host and when it expires.
type found struct {
	ip    net.IP
	until time.Time
}

// NewBootstrap returns a Bootstrap that queries the servers of g.
func NewBootstrap(g *Group) *Bootstrap { return &Bootstrap{group: g, known: map[string]found{}} }

// The bounds of what a Bootstrap keeps. An address is used for at least a minute
// and at most an hour, whatever its TTL: servers rarely move.
const (
	keepAddressMin = time.Minute
	keepAddressMax = time.Hour
	maxKnown       = 1024 // hosts
)

// Lookup returns an address of a host, or the host if it is an address itself. If
// the host cannot be resolved any more, it returns the last known address.
func (b *Bootstrap) Lookup(ctx context.Context, host string) (net.IP, error) {
	if ip := net.ParseIP(host); ip != nil {
		return ip, nil
	}
	b.mu.Lock()
	f, ok := b.known[host]
	b.mu.Unlock()
	if ok && time.Now().Before(f.until) {
		return f.ip, nil
	}
	ip, ttl, err := b.ask(ctx, host)
	if err != nil {
		if ok {
			return f.ip, nil // an expired address is better than none
		}
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= maxKnown {
		clear(b.known)
	}
	b.known[host] = found{ip, time.Now().Add(min(max(ttl, keepAddressMin), keepAddressMax))}
	return ip, nil
}

// ask queries for an address of a host, IPv4 first, and returns it with its TTL.
func (b *Bootstrap) ask(ctx context.Context, host string) (net.IP, time.Duration, error) {
	name, err := dnsmsg.ParseName(nil, host)
	if err != nil {
		return nil, 0, err
	}
	dnsmsg.Lower(name)
	last := fmt.Errorf("%s has no address", host)
	for _, t := range []dnsmsg.Type{dnsmsg.TypeA, dnsmsg.TypeAAAA} {
		q := &Query{Question: dnsmsg.Question{Name: name, Type: t, Class: dnsmsg.ClassIN}}
		a, err := b.group.Ask(ctx, q)
		if err != nil {
			last = err
			continue
		}
		if ip := firstAddress(a.Msg); ip != nil {
			return ip, time.Duration(a.TTL) * time.Second, nil
		}
	}
	return nil, 0, last
}

// firstAddress returns the first address in a message, nil if there is none.
func firstAddress(msg []byte) net.IP {
	var r dnsmsg.Reader
	_ = r.Read(msg) // cannot fail: Rebuild made msg
	for rr := (dnsmsg.Record{}); r.Next(&rr); {
		if a := rr.Address(msg); a.IsValid() {
			return a.AsSlice()
		}
	}
	return nil
}
