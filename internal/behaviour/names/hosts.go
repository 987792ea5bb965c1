package names

import (
	"encoding/binary"
	"net/netip"
)

// maxHosts is how many addresses a window remembers, and perAnswer of how many in a response: a client
// connects to the first.
const maxHosts, perAnswer = 10, 3

// perConnection is how many names a connection with their address speaks for: those that a page
// has from one server over a connection that it keeps. For a tunnel they are few.
const perConnection = 16

// hosts are the addresses in the latest responses, and for which of the recent names they are, by place.
type hosts struct {
	hash [maxHosts]uint32
	of   [maxHosts]uint32
	left [maxHosts]uint8 // names that a connection still speaks for
	next uint8
}

// AddrHash returns the hash of an address for [Window.UseAddr].
func AddrHash(a netip.Addr, seed uint64) uint64 {
	b := a.As16()
	h := (binary.BigEndian.Uint64(b[:]) ^ seed) * 0xd6e8feb86659fd93
	h = (h ^ h>>32 ^ binary.BigEndian.Uint64(b[8:])) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

// find returns the place of an address, maxHosts if it has none.
func (l *hosts) find(h uint32) int {
	for i := range l.hash {
		if l.hash[i] == h {
			return i
		}
	}
	return maxHosts
}

// forget forgets which addresses a name had.
func (l *hosts) forget(bit uint32) {
	for i := range l.of {
		l.of[i] &^= bit
	}
}

// UseAddr counts a connection with an address, by its [AddrHash]: once for each of the latest names that
// it has answered, and for some that it will.
func (w *Window) UseAddr(hash uint64) {
	i := w.hosts.find(uint32(hash) | 1)
	if i == maxHosts {
		return
	}
	w.hosts.left[i] = perConnection
	for of := w.hosts.of[i]; of != 0; of &= of - 1 {
		w.speak(i, of&-of)
	}
}

// speak counts a name as used if a connection with an address of it still speaks for it.
func (w *Window) speak(host int, bit uint32) {
	if w.hosts.left[host] > 0 && w.usedOf&bit == 0 {
		w.hosts.left[host]--
		w.usedOf |= bit
		w.used++
	}
}

// answer takes the addresses in a response.
func (w *Window) answer(q *Query) {
	if len(q.Addrs) == 0 {
		return
	}
	place := w.place(uint32(hash(q.Name, q.Seed)))
	if place == recents || !q.Addrs[0].IsGlobalUnicast() {
		return
	}
	bit := uint32(1) << place
	if w.answeredOf&bit == 0 {
		w.answeredOf |= bit
		w.answered++
		if q.Addrs[0].IsPrivate() {
			w.near++
		}
	}
	l := &w.hosts
	for _, a := range q.Addrs[:min(len(q.Addrs), perAnswer)] {
		h := uint32(AddrHash(a, q.Seed)) | 1
		i := l.find(h)
		if i == maxHosts {
			i = int(l.next)
			l.next = (l.next + 1) % maxHosts
			l.hash[i], l.of[i], l.left[i] = h, 0, 0
		}
		l.of[i] |= bit
		w.speak(i, bit)
	}
}

// Answered reports whether addresses answer three of four names: what they are for can be seen only
// where connections are.
func (w *Window) Answered() bool { return 4*(w.answered+1) >= 3*w.names }

// Near reports whether private addresses answer three of four names, and they are not too much: they are
// those of neighbours.
func (w *Window) Near() bool { return w.small() && 4*(w.near+1) >= 3*w.names }
