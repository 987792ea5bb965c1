package pipeline

import "github.com/qubesbeat/qubesbeat/internal/packet"

// tap is a tap and the kinds of packets that it is shown.
type tap struct {
	Tap
	chooser Chooser // the same, nil if it looks at all
	kinds   packet.Kinds
}

func newTap(t Tap) tap {
	if c, ok := t.(Chooser); ok {
		return tap{t, c, c.Kinds()}
	}
	return tap{t, nil, packet.AllKinds}
}

// tapped returns the kinds of packets that any tap looks at.
func (m *Meter) tapped() (k packet.Kinds) {
	for i := range m.taps {
		k |= m.taps[i].kinds
	}
	return k
}

// show shows a packet of some kinds to the taps that look at them.
func (m *Meter) show(kinds packet.Kinds, p *packet.Packet, frame []byte) {
	for i := range m.taps {
		t := &m.taps[i]
		if t.kinds&kinds == 0 {
			continue
		}
		t.Packet(p, frame)
		if t.chooser != nil {
			t.kinds = t.chooser.Kinds()
		}
	}
	m.wanted = m.tapped()
}
