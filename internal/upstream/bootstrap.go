package upstream

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Bootstrap finds the addresses of servers that are given by name, and of the
// hosts that lists are fetched from, by asking servers that are given by
// address. The system's own resolver is not asked: in sys-log that may be
// ourselves. It is safe for concurrent use.
type Bootstrap struct {
	group *Group
	mu    sync.Mutex
	known map[string]found // guarded by mu
}

type found struct {
	ip    net.IP
	until time.Time
}

// NewBootstrap returns a Bootstrap that asks the servers of a group.
func NewBootstrap(g *Group) *Bootstrap { return &Bootstrap{group: g, known: map[string]found{}} }

// keepAddress bounds how long an address is used, whatever its TTL: names of
// servers move seldom, and to ask for them in a hurry helps nobody.
const (
	keepAddressMin = time.Minute
	keepAddressMax = time.Hour
	maxKnown       = 1024
)

// Lookup returns an address of a host. One that is an address already is it.
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
			return f.ip, nil // what was right is better than nothing
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

func (b *Bootstrap) ask(ctx context.Context, host string) (net.IP, time.Duration, error) {
	name, err := dnsmsg.ParseName(nil, host)
	if err != nil {
		return nil, 0, err
	}
	dnsmsg.Lower(name)
	var last error = fmt.Errorf("%s has no address", host)
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

func firstAddress(msg []byte) net.IP {
	var r dnsmsg.Reader
	_ = r.Read(msg) // it was rebuilt by us
	for rr := (dnsmsg.Record{}); r.Next(&rr); {
		if a := rr.Address(msg); a.IsValid() {
			return a.AsSlice()
		}
	}
	return nil
}
