package verify

import (
	"math/bits"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// counting says which notes mean that a packet can change no verdict, and what was counted for
// that of a batch.
type counting struct {
	masks  [flow.Ways + 1]mask // by the way of a packet
	epoch  uint32              // of the masks; 0 for none yet
	closer closeness           // of the masks

	// Of the batch, places in it being bits of a set.
	open     uint32 // to be looked at
	counted  uint32 // counted, on these accounts
	accounts [flow.BatchSize]account
	at       int // the place of the packet that is being looked at
}

// mask says how a note is read for a packet: it is settled if the bits of mask are as in want, and
// the subject has sent it if one in from is set.
type mask struct{ mask, want, from uint32 }

// Packets takes a batch of packets in order, from one to [flow.BatchSize], with their flows, which must be
// those of one table, and a function that returns the bytes of which one was decoded, by its place in the
// batch. Of nearly all packets nothing needs to be known but the note on their flow: they are one more
// of a conversation that nothing is expected of, or on another interface while nothing is
// looked for there. A zero Ref is that of a flow which is not known: that costs time and changes no
// verdict. Nothing is kept of ps, flows and the bytes.
func (v *Verifier) Packets(ps []packet.Packet, frame func(i int) []byte, flows []flow.Ref) {
	x := &v.counting
	x.open = v.count(ps, flows)
	for x.open != 0 {
		i := bits.TrailingZeros32(x.open)
		x.at, x.open = i, x.open&^(1<<i)
		note, back := (*Note)(flows[i].Note()), flows[i].Way().Back()
		if note != nil && v.quick(&ps[i], frame(i), note, back) {
			continue
		}
		before := verdictBits(0)
		if note != nil {
			before = verdictBits(*note)
		}
		v.flow = flows[i]
		v.packet(&ps[i], frame(i), note, back)
		if v.epoch != x.epoch || v.closer() > x.closer || note != nil && before&^verdictBits(*note) != 0 {
			v.reopen()
		}
	}
	x.counted = 0
}

// closeness is which packets are looked at whatever the notes on their flows say.
type closeness uint8

const (
	none        closeness = iota
	ofWaiting             // those that subjects are sent, and those on other interfaces: a question waits for an answer
	ofFollowing           // all: one may be a packet that is followed, or like one, or is to be remembered
)

// closer returns which packets are looked at.
func (v *Verifier) closer() closeness {
	switch {
	case v.watches():
		return ofFollowing
	case v.waiting != 0:
		return ofWaiting
	}
	return none
}

// watches reports whether packets are followed, or remembered.
func (v *Verifier) watches() bool { return v.tracer.n != 0 || v.unordered() }

// count counts the packets of a batch that, by the notes on their flows, can change no verdict, and
// returns the others as a set of bits. This is what verification costs the meter for each
// packet, so that it does not look at the packets: those between the first and the last count as
// of the same second as these.
func (v *Verifier) count(ps []packet.Packet, flows []flow.Ref) (open uint32) {
	x := &v.counting
	if closer := v.closer(); x.epoch != v.epoch || x.closer != closer {
		x.mask(v.epoch, closer)
	}
	x.counted = 0
	all := uint32(1)<<len(ps) - 1
	last := ps[len(ps)-1].Time + v.shift
	if first := ps[0].Time + v.shift; min(first, last) < v.now || max(first, last) >= v.due {
		return all
	}
	for i, f := range flows[:len(ps)] {
		n, way := f.Read()
		m := &x.masks[way]
		if uint32(n)&m.mask != m.want {
			open |= 1 << i
			continue
		}
		at := accountOf(Note(n), uint32(n)&m.from != 0)
		x.accounts[i%flow.BatchSize] = at
		t := &v.accounts.traffic[at]
		t.settled++
		t.last = last
	}
	x.counted = all &^ open
	return open
}

// reopen has the packets of the batch that were counted and are behind the one that is being looked
// at be looked at, too: what was found out may be about them.
func (v *Verifier) reopen() {
	x := &v.counting
	again := x.counted &^ (2<<x.at - 1)
	x.counted &^= again
	x.open |= again
	for ; again != 0; again &= again - 1 {
		v.accounts.traffic[x.accounts[bits.TrailingZeros32(again)]].settled--
	}
}

// mask sets the masks of an epoch.
func (x *counting) mask(epoch uint32, closer closeness) {
	x.epoch, x.closer = epoch, closer
	for way := range flow.Ways + 1 {
		at := &looks[way.Direction()][oneIf(way.Back())]
		m := mask{mask: uint32(at.mask), want: uint32(at.want), from: uint32(at.from)}
		if at.from != 0 { // the first ones of a flow are looked at
			m.mask |= learnFrom << noteLooked
			m.want |= learnFrom << noteLooked
		}
		if closer != none {
			m.mask |= m.from
			m.want |= m.from
		}
		m.mask |= epochMask << noteEpoch
		m.want |= epoch & epochMask << noteEpoch
		if closer == ofFollowing || closer != none && m.from == 0 || at.mask == 0 || way == flow.Ways {
			m.mask, m.want = 0, 1 // no note is so
		}
		x.masks[way] = m
	}
}
