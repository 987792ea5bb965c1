package capture

// Options that count what was lost: of an Enhanced Packet Block (section 4.3), and of an
// Interface Statistics Block (section 4.6).
const (
	optionDropCount = 4 // since the packet before
	optionIfDrop    = 5 // since the start
	optionOSDrop    = 7 // the same, beside those
)

// maxDrops bounds what an interface may claim, so that sums do not overflow.
const maxDrops = 1 << 40

// lose notes that packets of an interface are missing before one.
func (n *ngReader) lose(i *ngInterface, more uint64) {
	before := i.lost()
	i.dropped = min(i.dropped+min(more, maxDrops), maxDrops)
	n.blockReader.lost.Add(i.lost() - before)
}

// statistics reads an Interface Statistics Block, of which a file may have several. One that
// makes no sense is passed over.
func (n *ngReader) statistics(b []byte) {
	if len(b) < 12 {
		return
	}
	i, err := n.iface(n.u32(b))
	if err != nil {
		return
	}
	before, sum := i.lost(), uint64(0)
	for _, code := range [...]uint16{optionIfDrop, optionOSDrop} {
		if v := n.option(b[12:], code); len(v) == 8 {
			sum += min(uint64(n.i64(v)), maxDrops)
		}
	}
	i.counted = max(i.counted, min(sum, maxDrops))
	n.blockReader.lost.Add(i.lost() - before)
}

// lost returns how many packets are missing. The two counts are of the same ones.
func (i *ngInterface) lost() uint64 { return max(i.dropped, i.counted) }
