package baseline

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by the errors of [Decode].
var ErrMalformed = errors.New("baseline: malformed")

// The sizes of an encoded baseline without its entries, and of an entry, in bytes.
const (
	headSize  = 3*8 + int(Kinds)*8 + 2 + 4 + 8 + hoursSize + 4
	hoursSize = 2*hoursAWeek + 4 + 4
)

// Append appends the baseline to b, in a form that [Decode] reads. The entries come in the
// order of the table, which two runs over the same data share.
func (b *Baseline) Append(dst []byte) []byte {
	le := binary.LittleEndian
	for _, t := range [...]int64{b.first, b.last, b.learned} {
		dst = le.AppendUint64(dst, uint64(t))
	}
	for k := range Kinds {
		dst = le.AppendUint32(le.AppendUint32(dst, b.uses[k]), b.once[k])
	}
	dst = le.AppendUint64(le.AppendUint32(le.AppendUint16(dst, b.days), b.day), b.evicted)
	for _, a := range b.hours.active {
		dst = le.AppendUint16(dst, a)
	}
	dst = le.AppendUint32(le.AppendUint32(dst, b.hours.week), b.hours.last)
	dst = le.AppendUint32(dst, uint32(b.table.used))
	for i := range b.table.slots {
		if e := &b.table.slots[i]; e.first != 0 {
			dst = e.append(dst)
		}
	}
	return dst
}

// append appends an entry.
func (e *Entry) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint64(dst, e.hash)
	dst = le.AppendUint32(le.AppendUint32(dst, e.first), e.last)
	dst = le.AppendUint16(le.AppendUint16(dst, e.uses), e.held)
	return append(dst, e.what, e.period, e.upload, e.longest)
}

// reader reads numbers of which there are enough.
type reader []byte

func (r *reader) u8() uint8   { v := (*r)[0]; *r = (*r)[1:]; return v }
func (r *reader) u16() uint16 { v := binary.LittleEndian.Uint16(*r); *r = (*r)[2:]; return v }
func (r *reader) u32() uint32 { v := binary.LittleEndian.Uint32(*r); *r = (*r)[4:]; return v }
func (r *reader) u64() uint64 { v := binary.LittleEndian.Uint64(*r); *r = (*r)[8:]; return v }

// Decode reads what [Baseline.Append] has written, all of data. Its errors wrap
// [ErrMalformed].
func Decode(data []byte) (*Baseline, error) {
	if len(data) < headSize {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrMalformed, len(data))
	}
	r, b := reader(data), &Baseline{}
	b.first, b.last, b.learned = int64(r.u64()), int64(r.u64()), int64(r.u64())
	for k := range Kinds {
		b.uses[k], b.once[k] = r.u32(), r.u32()
	}
	b.days, b.day, b.evicted = r.u16(), r.u32(), r.u64()
	for i := range b.hours.active {
		b.hours.active[i] = r.u16()
	}
	b.hours.week, b.hours.last = r.u32(), r.u32()
	n := int(r.u32())
	if n > MaxSlots*7/8 || len(r) != n*EntrySize {
		return nil, fmt.Errorf("%w: %d bytes at offset %d for %d entries of %d", ErrMalformed, len(r), headSize, n, EntrySize)
	}
	for range n {
		if err := b.decodeEntry(&r); err != nil {
			return nil, fmt.Errorf("at offset %d: %w", len(data)-len(r), err)
		}
	}
	return b, nil
}

// decodeEntry reads an entry and inserts it.
func (b *Baseline) decodeEntry(r *reader) error {
	e := Entry{hash: r.u64(), first: r.u32(), last: r.u32(), uses: r.u16(), held: r.u16(), what: r.u8(), period: r.u8(), upload: r.u8(),
		longest: r.u8()}
	if e.first == 0 || e.last < e.first || e.kind() >= Kinds || b.table.find(e.kind(), e.hash) != nil {
		return fmt.Errorf("%w: an entry that cannot be", ErrMalformed)
	}
	if b.table.full() {
		b.table.grow()
	}
	b.table.insert(e)
	return nil
}
