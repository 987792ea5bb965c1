package quota

import (
	"hash/maphash"
	"math"
	"math/bits"
)

// registers is the size of a [distinct]. The standard error is 1.04 / sqrt(registers):
// 6.5 %.
const registers = 256

// distinct estimates how many different values it has seen, in constant space. It is
// a HyperLogLog (Flajolet et al., 2007), with linear counting for small numbers.
type distinct [registers]uint8

// add adds a value by its hash.
func (d *distinct) add(hash uint64) {
	rank := uint8(bits.LeadingZeros64(hash<<8|1<<7)) + 1
	if i := hash >> 56; d[i] < rank {
		d[i] = rank
	}
}

// estimate returns about how many different values were added.
func (d *distinct) estimate() uint64 {
	sum, zeros := 0.0, 0
	for _, r := range d {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zeros++
		}
	}
	const alpha = 0.7213 / (1 + 1.079/registers)
	n := alpha * registers * registers / sum
	if n <= 2.5*registers && zeros > 0 {
		n = registers * math.Log(registers/float64(zeros))
	}
	return uint64(math.Round(n))
}

// hash returns the hash of a value. The seed is not known to clients, who could
// otherwise choose values that count as one.
func hash[T comparable](seed maphash.Seed, v T) uint64 { return maphash.Comparable(seed, v) }
