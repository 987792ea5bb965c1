package netstate

import (
	"maps"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// AddressesConfig holds the settings of [Addresses]. The zero value is valid.
type AddressesConfig struct {
	// Read returns the addresses of all interfaces; nil means from the kernel.
	Read func() ([]netip.Addr, error)
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Addresses are the addresses of this machine, of all its interfaces and without
// zones. It is safe for concurrent use.
type Addresses struct {
	conf AddressesConfig
	mu   sync.Mutex // held while the addresses are read
	last atomic.Pointer[addresses]
}

// addresses is a list of addresses, as of some time. It does not change.
type addresses struct {
	list []netip.Addr
	set  map[netip.Addr]bool
	read time.Time
	// changes is how often the addresses have been other ones than before.
	changes uint64
}

// addressesFresh is how old the list of addresses may be: short for an event of an
// uplink that has just come, long for the kernel, which is asked by netlink.
const addressesFresh = 5 * time.Second

// NewAddresses returns addresses that have not been read yet.
func NewAddresses(conf AddressesConfig) *Addresses {
	if conf.Read == nil {
		conf.Read = kernelAddresses
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	return &Addresses{conf: conf}
}

// Local reports whether addr is an address of this machine.
func (a *Addresses) Local(addr netip.Addr) bool { return a.current().set[addr] }

// All returns all addresses of this machine, with those of the loopback. The caller
// must not modify the result.
func (a *Addresses) All() []netip.Addr { return a.current().list }

// Changes returns how often the addresses were found to have changed.
func (a *Addresses) Changes() uint64 { return a.current().changes }

// current returns the addresses, at most addressesFresh old. If they cannot be read,
// the last ones are believed for as long again.
func (a *Addresses) current() *addresses {
	if last := a.last.Load(); a.fresh(last) {
		return last
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.last.Load()
	if a.fresh(last) {
		return last
	}
	next := new(addresses)
	if list, err := a.conf.Read(); err == nil {
		next.fill(list)
		next.countChange(last)
	} else if last != nil {
		*next = *last
	}
	next.read = a.conf.Now()
	a.last.Store(next)
	return next
}

func (a *Addresses) fresh(last *addresses) bool {
	return last != nil && a.conf.Now().Sub(last.read) <= addressesFresh
}

func (a *addresses) fill(list []netip.Addr) {
	a.set = make(map[netip.Addr]bool, len(list))
	for _, addr := range list {
		a.set[addr] = true
	}
	a.list = list
}

// countChange counts the change since the addresses before, which may be nil.
func (a *addresses) countChange(last *addresses) {
	if last == nil {
		return
	}
	if a.changes = last.changes; !maps.Equal(a.set, last.set) {
		a.changes++
	}
}

// kernelAddresses asks the kernel.
func kernelAddresses() ([]netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p.Addr().Unmap())
		}
	}
	return list, nil
}
