package packets

import (
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// ledger has the accounts of all live flows, by the numbers in their marks. A number stays
// with a place of the flow table, so that there are as many as the table has places, of 32
// bytes each. It belongs to the meter's goroutine.
type ledger struct {
	blocks []*[ledgerBlock]packetstore.Account
	used   uint32
}

// ledgerBlock is how many accounts are allocated at once: 64 KiB.
const ledgerBlock = 2048

// open returns the account of a flow by its mark, and opens it for a new one. It returns nil
// for a nil mark.
func (l *ledger) open(m *meter.Mark) *packetstore.Account {
	if m == nil {
		return nil
	}
	if a := l.of(*m); a != nil {
		return a
	}
	n := uint32(*m)
	if n == 0 {
		if l.used%ledgerBlock == 0 {
			l.blocks = append(l.blocks, new([ledgerBlock]packetstore.Account))
		}
		l.used++
		n = l.used
	}
	*m = meter.Mark(n) | meter.MarkOpen
	a := l.at(n)
	*a = packetstore.Account{}
	return a
}

// of returns the account of a flow that has one; else nil.
func (l *ledger) of(m meter.Mark) *packetstore.Account {
	if m&meter.MarkOpen == 0 {
		return nil
	}
	return l.at(uint32(m &^ meter.MarkOpen))
}

func (l *ledger) at(n uint32) *packetstore.Account {
	return &l.blocks[(n-1)/ledgerBlock][(n-1)%ledgerBlock]
}
