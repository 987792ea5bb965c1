package shunt

// The layout of the memory that the program of the kernel and this package share. It is an
// array of buckets; a bucket has the tags of its ways in one cache line, so that a packet
// of no such flow costs one look, and then the ways. All numbers are in the byte order of
// the machine.
const (
	ways    = 8
	buckets = 512 // a power of two
	// Places is how many flows there is room for.
	Places = buckets * ways

	tagSize    = 8
	keySize    = 48
	lineSize   = 64 // of a cache line
	wayAt      = ways * tagSize
	waySize    = 3 * lineSize // key, packets of A, packets of B
	bucketSize = wayAt + ways*waySize
)

// The counters of one direction, as offsets in its line. begun is incremented before and
// packets after everything else, so that a reader who finds both equal has read what
// belongs together.
const (
	begunAt   = 0
	packetsAt = 8
	bytesAt   = 16
	lastAt    = 24 // time of the last packet, nanoseconds of CLOCK_MONOTONIC
	firstAt   = 32 // time of the first packet since the field was set to 0
	flagsAt   = 40 // TCP flags, or-ed
)

// wireKey is the key of a flow in the shared memory: addresses and ports are as in the
// packet, A is the lower address.
type wireKey struct {
	a, b         [16]byte
	aPort, bPort [2]byte
	iface        uint32
	vlan         uint32 // 1<<16 | identifier, 0 without a tag
	proto        uint8
	family       uint8
	_            [2]byte
}
