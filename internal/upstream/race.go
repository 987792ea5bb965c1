package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// attemptDelay is the time after which the next address of a server is tried, while
// the one before may still answer (RFC 8305 section 5).
const attemptDelay = 250 * time.Millisecond

// places are the addresses of a server. Those of one that is given by name are tried
// in turn (RFC 8305), the one that has answered last first. A place is safe for
// concurrent use.
type places struct {
	port   uint16
	host   string         // "" if the server is given by address
	fixed  netip.AddrPort // valid if the server is given by address
	only   string         // fixed as an endpoint
	lookup Lookup

	mu     sync.Mutex
	last   []netip.Addr // guarded by mu: of the last lookup
	good   netip.Addr   // guarded by mu: has answered last; invalid for none
	silent []netip.Addr // guarded by mu: have failed since
}

// Lookup returns the addresses of a host in the order in which to try them; the slice
// is the caller's. again asks for them although those that are known have not expired:
// none of them works.
type Lookup func(ctx context.Context, host string, again bool) ([]netip.Addr, error)

func newPlaces(a *Address, lookup Lookup) *places {
	if a.IP.IsValid() {
		return &places{port: a.Port, fixed: netip.AddrPortFrom(a.IP, a.Port), only: a.Endpoint()}
	}
	return &places{port: a.Port, host: a.Host, lookup: lookup}
}

// has reports whether the server is asked at an endpoint.
func (p *places) has(a netip.AddrPort) bool {
	if p.host == "" {
		return p.fixed == a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return a.Port() == p.port && slices.Contains(p.last, a.Addr())
}

// addresses returns the addresses in the order in which to try them.
func (p *places) addresses(ctx context.Context, again bool) ([]netip.Addr, error) {
	all, err := p.lookup(ctx, p.host, again)
	if err != nil {
		return nil, fmt.Errorf("finding the address of %s: %w", p.host, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("finding the address of %s: it has none", p.host)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = slices.Clone(all)
	rank := func(a netip.Addr) int {
		switch {
		case a == p.good:
			return 0
		case slices.Contains(p.silent, a):
			return 2
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return all, nil
}

// alternate returns addresses with the families in turn, IPv4 first: an attempt in a
// family that the network does not have fails at once.
func alternate(all []netip.Addr) []netip.Addr {
	var four, six, out []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	for i := range max(len(four), len(six)) {
		out = append(out, four[min(i, len(four)):min(i+1, len(four))]...)
		out = append(out, six[min(i, len(six)):min(i+1, len(six))]...)
	}
	return out
}

// works remembers that an address has answered.
func (p *places) works(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.good = a
	p.silent = slices.DeleteFunc(p.silent, func(b netip.Addr) bool { return b == a })
}

// fails remembers that an address has not answered.
func (p *places) fails(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.good == a {
		p.good = netip.Addr{}
	}
	if !slices.Contains(p.silent, a) && len(p.silent) < maxAddresses {
		p.silent = append(p.silent, a)
	}
}

// lost is fails for the address of a connection.
func (p *places) lost(remote net.Addr) {
	if p.host == "" || remote == nil {
		return
	}
	if a, err := netip.ParseAddrPort(remote.String()); err == nil {
		p.fails(a.Addr().Unmap())
	}
}

// try calls do with the addresses of a server until one succeeds. If all fail, the
// addresses are looked up again, and those that are new are tried. discard, which may
// be nil, gets results that come too late.
func try[T any](ctx context.Context, p *places, do func(ctx context.Context, endpoint string) (T, error), discard func(T)) (T, error) {
	var none T
	if p.host == "" {
		return do(ctx, p.only)
	}
	all, err := p.addresses(ctx, false)
	if err != nil {
		return none, err
	}
	v, err := race(ctx, p, all, do, discard)
	if err == nil || ctx.Err() != nil {
		return v, err
	}
	fresh, lookupErr := p.addresses(ctx, true)
	fresh = slices.DeleteFunc(fresh, func(a netip.Addr) bool { return slices.Contains(all, a) })
	if lookupErr != nil || len(fresh) == 0 {
		return none, err
	}
	return race(ctx, p, fresh, do, discard)
}

// race tries addresses one after the other, the next one when one fails or is slow.
// The first success counts.
func race[T any](ctx context.Context, p *places, all []netip.Addr,
	do func(ctx context.Context, endpoint string) (T, error), discard func(T)) (T, error) {
	type outcome struct {
		value T
		at    netip.Addr
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the attempts that are no longer needed
	results := make(chan outcome, len(all))
	launched := 0
	launch := func() {
		if launched < len(all) {
			a := all[launched]
			launched++
			go func() {
				v, err := do(ctx, netip.AddrPortFrom(a, p.port).String())
				results <- outcome{v, a, err}
			}()
		}
	}
	launch()
	ticker := time.NewTicker(attemptDelay)
	defer ticker.Stop()
	var errs []error
	for done := 0; done < launched; {
		select {
		case r := <-results:
			done++
			if r.err == nil {
				p.works(r.at)
				go func(left int) {
					for range left {
						if late := <-results; late.err == nil && discard != nil {
							discard(late.value)
						}
					}
				}(launched - done)
				return r.value, nil
			}
			if ctx.Err() == nil {
				p.fails(r.at)
			}
			errs = append(errs, fmt.Errorf("%v: %w", r.at, r.err))
			launch()
			ticker.Reset(attemptDelay)
		case <-ticker.C:
			launch()
		}
	}
	var none T
	return none, errors.Join(errs...)
}
