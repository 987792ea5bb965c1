package packetstore

import (
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// Account is what the store has of a flow since it began, over all segments. Add writes
// it; it belongs to the meter's goroutine. The zero Account is that of a new flow.
type Account struct {
	kept    flow.Kept // with Boot 0
	segment uint32    // in whose list the flow is
	slot    uint16    // its place there
}

// Kept returns the account as an event has it. What is in memory still counts as stored.
func (a *Account) Kept() flow.Kept { return a.kept }

// Boot returns the number of this run of the machine, with which names of segments begin.
func Boot() uint32 {
	n, _ := strconv.ParseUint(bootID(), 16, 32)
	return uint32(n)
}

// Lose counts a packet that no store was asked to take.
func (a *Account) Lose() { a.kept.Lost++ }

// lose counts a packet of a flow that is not stored.
func (p *Packet) lose() {
	if p.Account != nil {
		p.Account.Lose()
	}
}

// keep counts a packet of a flow that is stored in a segment.
func (p *Packet) keep(seq uint32, k kind) {
	a := p.Account
	if a == nil {
		return
	}
	if a.kept.Last = seq; a.kept.First == 0 {
		a.kept.First = seq
	}
	if k == whole {
		a.kept.Written++
	} else {
		a.kept.Cut++
	}
}
