package flow

import (
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// conversations remembers who has begun what went silent: a conversation that was idle is several
// flows (RFC 7011 section 2), and the first packet of the next one may be the responder's. What an
// interface may have remembered is bounded by what it leaves free for the others.
type conversations struct {
	byKey map[Key]*share.Item[uint32, conversation]
	store *share.Store[uint32, conversation] // by interface
	free  []*share.Item[uint32, conversation]
}

// conversation is one whose flow has ended.
type conversation struct {
	key        Key
	last       int64 // packet time
	initiatorB bool  // see facts
}

const (
	maxConversations = 8192 // 2 MB with their index
	// silentFor is for how long a conversation may be silent, in nanoseconds: the time after which TCP
	// sends keepalives (RFC 9293 section 3.8.4).
	silentFor = 2 * 3600e9
)

func (c *conversations) init() {
	c.byKey = map[Key]*share.Item[uint32, conversation]{}
	c.store = share.NewStore(maxConversations, c.forget)
	c.free = nil
}

// forget forgets an item that is not in the store any more. Its memory is used again: where flows
// come and go, it must not be work for the collector.
func (c *conversations) forget(i *share.Item[uint32, conversation]) {
	delete(c.byKey, i.Value.key)
	c.free = append(c.free, i)
}

// remember remembers the conversation of a flow that has ended for a reason, if it may go on.
func (c *conversations) remember(e *entry, reason Reason) {
	if reason == ReasonForced {
		return
	}
	i := c.byKey[e.key]
	switch {
	case i != nil && reason == ReasonEnd:
		c.drop(i)
	case i != nil:
		i.Value.last = e.last
		c.store.Renew(i)
	case reason != ReasonEnd && e.mayGoOn():
		c.add(e)
	}
}

// add adds the conversation of a flow.
func (c *conversations) add(e *entry) {
	i := new(share.Item[uint32, conversation])
	if n := len(c.free); n > 0 {
		i, c.free = c.free[n-1], c.free[:n-1]
	}
	i.Value = conversation{key: e.key, last: e.last, initiatorB: e.is(initiatorB)}
	if !c.store.Put(i, e.key.Iface, 1) {
		c.free = append(c.free, i)
		return
	}
	c.byKey[e.key] = i
}

// mayGoOn reports whether a flow is one of a conversation in which either side may speak next. Clocks
// and resolvers speak when they are asked. Numbers of tunnels are used again.
func (e *entry) mayGoOn() bool {
	k := &e.key
	if k.Tunnel != 0 || !e.sent(initiator) || !e.sent(responder) {
		return false
	}
	switch k.Proto {
	case packet.ProtoTCP:
		return true
	case packet.ProtoUDP:
		port := k.BPort
		if e.is(initiatorB) {
			port = k.APort
		}
		return port != 53 && port != 123
	}
	return false
}

// resume returns which side has begun the conversation that a packet goes on with, the first one of a
// flow. ok is false if there is none.
func (c *conversations) resume(k *Key, p *packet.Packet) (isB, ok bool) {
	if len(c.byKey) == 0 || p.Proto != packet.ProtoUDP && p.Proto != packet.ProtoTCP {
		return false, false
	}
	i := c.byKey[*k]
	if i == nil {
		return false, false
	}
	v := i.Value
	if p.TCPFlags&packet.SYN != 0 || max(p.Time-v.last, v.last-p.Time) > silentFor { // another conversation
		c.drop(i)
		return false, false
	}
	return v.initiatorB, true
}

// drop forgets an item of the store.
func (c *conversations) drop(i *share.Item[uint32, conversation]) {
	c.store.Remove(i)
	c.forget(i)
}
