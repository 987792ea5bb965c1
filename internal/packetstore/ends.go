package packetstore

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
)

// End is one end of a flow, where the other is not known: a client of the resolver, whose
// packets go to another address than that at which the resolver gets them.
type End struct {
	Addr     netip.AddrPort
	Protocol uint8 // of IP
}

// has reports whether a flow has one of the ends.
func (m *flowMatch) has(f *FlowInfo) bool {
	return slices.Contains(m.ends, End{netip.AddrPortFrom(f.Source, f.SourcePort), f.Protocol}) ||
		slices.Contains(m.ends, End{netip.AddrPortFrom(f.Destination, f.DestinationPort), f.Protocol})
}

// searchEnds calls enter for the flows of an index that have one of the ends. No table is
// sorted by them: the index is read as a whole.
func (m *flowMatch) searchEnds(x *index, enter func(*flowRecord)) error {
	if len(m.ends) == 0 || x.flows == 0 {
		return nil
	}
	size := x.total()
	if size > maxIndex {
		return fmt.Errorf("%w: it has %d bytes", errIndex, size)
	}
	b := make([]byte, size)
	if _, err := x.in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("%w: %w", errIndex, err)
	}
	if err := x.check(b); err != nil {
		return err
	}
	inMemory := &index{indexHead: x.indexHead, in: bytes.NewReader(b), verified: [4]bool{true, true, true, true}}
	for i := range int(x.flows) {
		f, err := inMemory.number(i)
		if err != nil {
			return err
		}
		if m.has(&f.FlowInfo) {
			enter(f)
		}
	}
	return nil
}
