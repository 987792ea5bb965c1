package shunt

import (
	"encoding/binary"
	"unsafe"
)

// hashFactor and bucketShift are those of the hash, which the program computes likewise. A
// qube that could choose flows for one bucket, for which it had to know the seed, would keep
// its own flows from being counted here and no others: the key decides.
const (
	hashFactor  = -0x61c8864680b583eb // 2^64 divided by the golden ratio
	bucketShift = 40
)

// hash returns the tag of a key, which is never 0.
func (k *wireKey) hash(seed uint64) uint64 {
	h, factor := seed, uint64(0x9e3779b97f4a7c15)
	for _, b := range k.words() {
		h ^= b
		h *= factor
		h ^= h >> 32
	}
	return h | 1
}

// words returns the key as numbers in the byte order of the machine.
func (k *wireKey) words() (w [keySize / 8]uint64) {
	b := (*[keySize]byte)(unsafe.Pointer(k))
	for i := range w {
		w[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	return w
}

// bucketOf returns the bucket of a tag.
func bucketOf(tag uint64) int { return int(tag >> bucketShift & (buckets - 1)) }
