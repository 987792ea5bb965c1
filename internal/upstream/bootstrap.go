package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
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
	known map[string]*host // guarded by mu
}

// host is what is known of a host. Its fields are guarded by the mutex of the
// Bootstrap.
type host struct {
	addresses []netip.Addr
	asked     time.Time     // of the last answer
	until     time.Time     // when the addresses expire
	asking    chan struct{} // closed when the lookup under way has ended; nil if there is none
	err       error         // of the last lookup
}

// NewBootstrap returns a Bootstrap that queries the servers of g.
func NewBootstrap(g *Group) *Bootstrap { return &Bootstrap{group: g, known: map[string]*host{}} }

// The bounds of what a Bootstrap keeps. An address is used for at least a minute
// and at most an hour, whatever its TTL: servers rarely move. If none works, it is
// looked up earlier, but not again and again.
const (
	keepAddressMin = time.Minute
	keepAddressMax = time.Hour
	retryAddress   = 5 * time.Second
	maxKnown       = 1024 // hosts
	maxAddresses   = 32   // of a host
)

// Lookup returns the addresses of a host, as Addresses does. If the host cannot be resolved any more,
// it returns the last known ones.
func (b *Bootstrap) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	known, err := b.Addresses(ctx, name, false)
	return slices.Clone(known), err
}

// Addresses is a [Lookup]. It returns one address at least, of both families in turn if
// the host has them, IPv4 first. Those that have expired serve until there are new ones.
func (b *Bootstrap) Addresses(ctx context.Context, name string, again bool) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	h, known, asking := b.find(name, again)
	if asking == nil || len(known) > 0 && !again {
		return known, nil
	}
	select {
	case <-asking:
	case <-ctx.Done():
		return nil, ErrTimeout
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(h.addresses) == 0 {
		return nil, h.err
	}
	return slices.Clone(h.addresses), nil
}

// find returns what is known of a host. If that has expired, find starts a lookup, and
// asking is closed when it has ended.
func (b *Bootstrap) find(name string, again bool) (h *host, known []netip.Addr, asking <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h = b.known[name]
	if h == nil {
		if len(b.known) >= maxKnown {
			clear(b.known)
		}
		h = &host{}
		b.known[name] = h
	}
	now := time.Now()
	again = again && now.Sub(h.asked) >= retryAddress
	if len(h.addresses) > 0 && now.Before(h.until) && !again {
		return h, slices.Clone(h.addresses), nil
	}
	if h.asking == nil {
		h.asking = make(chan struct{})
		go b.refresh(name, h)
	}
	return h, slices.Clone(h.addresses), h.asking
}

// refresh looks a host up. No query's context bounds it, because several may wait.
func (b *Bootstrap) refresh(name string, h *host) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	all, ttl, err := b.ask(ctx, name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.err = err; err == nil {
		h.addresses, h.asked = alternate(all), time.Now()
		h.until = h.asked.Add(min(max(ttl, keepAddressMin), keepAddressMax))
	}
	close(h.asking)
	h.asking = nil
}

// found is the answer to one of the questions for a host.
type found struct {
	addresses []netip.Addr
	ttl       time.Duration
	err       error
}

// otherFamily is how long the addresses of one family wait for those of the other.
const otherFamily = 300 * time.Millisecond

// ask queries for the addresses of a host, of both families at once, and returns them
// with their TTL.
func (b *Bootstrap) ask(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	name, err := dnsmsg.ParseName(nil, host)
	if err != nil {
		return nil, 0, err
	}
	dnsmsg.Lower(name)
	types := []dnsmsg.Type{dnsmsg.TypeA, dnsmsg.TypeAAAA}
	answers := make(chan found, len(types))
	for _, t := range types {
		go func() { answers <- b.family(ctx, name, t) }()
	}
	all := found{err: fmt.Errorf("%s has no address", host), ttl: keepAddressMax}
	var late <-chan time.Time
	for range types {
		select {
		case f := <-answers:
			if len(f.addresses) > 0 {
				all.addresses, all.ttl = append(all.addresses, f.addresses...), min(all.ttl, f.ttl)
				late = time.After(otherFamily)
			} else if f.err != nil {
				all.err = errors.Join(all.err, f.err)
			}
		case <-late:
			return all.addresses, keepAddressMin, nil // so that the others are asked for soon
		}
	}
	if len(all.addresses) > 0 {
		return all.addresses, all.ttl, nil
	}
	return nil, 0, all.err
}

// family queries for the addresses of a host of one type.
func (b *Bootstrap) family(ctx context.Context, name []byte, t dnsmsg.Type) found {
	q := &Query{Question: dnsmsg.Question{Name: name, Type: t, Class: dnsmsg.ClassIN}}
	a, err := b.group.Ask(ctx, q)
	if err != nil {
		return found{err: err}
	}
	return found{addresses: addresses(a.Msg), ttl: time.Duration(a.TTL) * time.Second}
}

// addresses returns the addresses in a message, at most half of [maxAddresses].
func addresses(msg []byte) (list []netip.Addr) {
	var r dnsmsg.Reader
	_ = r.Read(msg) // cannot fail: Rebuild made msg
	for rr := (dnsmsg.Record{}); r.Next(&rr) && len(list) < maxAddresses/2; {
		if a := rr.Address(msg); a.IsValid() && !slices.Contains(list, a.Unmap()) {
			list = append(list, a.Unmap())
		}
	}
	return list
}
