package dnsview

import (
	"net/netip"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Use is a use of a bypass: who, how and to where. The interface is part of it because a
// client cannot choose that, as it can its address.
type Use struct {
	Iface   uint32 // observation point, as the capture numbers it
	Spoofed bool   // the address is not the client's; Client is not regarded then
	Client  netip.Addr
	Server  netip.Addr
	Bypass  Bypass
}

// Once limits the reports of each [Use] to one in each [Repeat]. The zero value is
// ready for use. It is safe for concurrent use.
//
// It remembers 16,384 uses. An interface that has more of them than it leaves free
// loses its own oldest, which costs repeated reports and loses none.
type Once struct {
	mu    sync.Mutex
	seen  map[Use]*share.Item[uint32, *sighting] // guarded by mu
	store *share.Store[uint32, *sighting]        // guarded by mu: what is in seen, by interface
}

// sighting counts the uses of a bypass.
type sighting struct {
	use   Use
	at    int64  // time of the use that was reported last
	now   int64  // time of the latest call
	count uint64 // calls since the last report
}

// Repeat is the time after which the same bypass is reported again.
const Repeat = time.Hour

const maxSightings = 16_384

// First reports whether a use that began at the time at is to be reported at the time
// now; both are nanoseconds since the Unix epoch. If so, count is the number of calls
// since the last report, including this one.
//
// Flows do not end in the order in which they begin, so a use that began before the
// one that was reported last is a part of it. Only if now is earlier, too, the clock
// was set back.
func (o *Once) First(u Use, at, now int64) (count uint64, ok bool) {
	if u.Spoofed {
		u.Client = netip.Addr{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s, isNew := o.sighting(u)
	s.count++
	setBack := now < s.now-int64(Repeat)
	if s.now = max(s.now, now); setBack {
		s.now = now
	}
	if !isNew && !setBack && at <= s.at+int64(Repeat) {
		return 0, false
	}
	count, s.at, s.count = s.count, at, 0
	return count, true
}

// sighting returns the one of a use. It is called with mu held.
func (o *Once) sighting(u Use) (s *sighting, isNew bool) {
	if o.store == nil {
		o.seen = map[Use]*share.Item[uint32, *sighting]{}
		o.store = share.NewStore(maxSightings, func(i *share.Item[uint32, *sighting]) { delete(o.seen, i.Value.use) })
	}
	if i := o.seen[u]; i != nil {
		return i.Value, false
	}
	s = &sighting{use: u}
	if i := o.store.Add(u.Iface, 1, s); i != nil {
		o.seen[u] = i
	}
	return s, true
}
