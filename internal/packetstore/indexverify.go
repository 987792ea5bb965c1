package packetstore

import (
	"fmt"
	"hash/crc32"
	"sync"
)

// sumBuffer is how much of an index is read at once to compute a sum.
const sumBuffer = 64 << 10

var sumBuffers = sync.Pool{New: func() any { return new([sumBuffer]byte) }}

// verify compares the sum of a part with what the head says, once. A search does so with the
// parts that it reads: to read all of every index would take ten times as long.
func (x *index) verify(part int) error {
	if x.verified[part] {
		return nil
	}
	buf := sumBuffers.Get().(*[sumBuffer]byte)
	defer sumBuffers.Put(buf)
	at := x.partAt()
	sum := uint32(0)
	for from, end := at[part], at[part+1]; from < end; {
		b := buf[:min(sumBuffer, end-from)]
		if _, err := x.in.ReadAt(b, from); err != nil {
			return fmt.Errorf("%w: %w", errIndex, err)
		}
		sum = crc32.Update(sum, crcTab, b)
		from += int64(len(b))
	}
	if sum != x.sums[part] {
		return fmt.Errorf("%w: the sum of part %d is wrong", errIndex, part)
	}
	x.verified[part] = true
	return nil
}
