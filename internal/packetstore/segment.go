package packetstore

import "time"

// segment is one file of a stream. The meter appends to it under the Store's lock; once
// it is sealed it belongs to the writer.
type segment struct {
	iface uint32
	seq   uint32 // number, unique in this run of the machine
	link  uint16

	// What the meter writes.
	chunk       *chunk         // nil while there is nothing to append
	tail        [pageSize]byte // the bytes of the page that is not complete, while chunk is nil
	end         int64          // of what was appended: offset in the file
	pageOf      int64          // number of the page that page is about
	page        tally          // packets that end in the page that is not complete
	tailTally   tally          // of page: those that are not on the disk, while chunk is nil
	began       int64          // time of the first packet that came
	first, last int64          // times of packets: the earliest, the latest
	recent      int64          // time of the packet that came last
	packets     uint32
	total       tally
	lost        count  // of this stream while the segment was open
	dropped     uint64 // by kernel and store, since the last packet
	kernel      uint64 // dropped by the kernel
	notes       notes
	unindexed   uint32 // packets of flows that the notes had no room for
	times       []timeMark
	flowLimit   int64
	filter      string // that its packets have passed
	spared      int64  // until when its qube is spared, Unix nanoseconds; 0 for not at all
	headers     bool   // 256 bytes of each frame at most
	held        bool   // of a client that may have no name; at most one chunk

	// What the writer writes.
	holder     Holder
	known      bool       // holder was known
	resolved   bool       // holder is final
	excluded   bool       // nothing of it may be written
	qube       string     // name of the folder
	name       string     // of the open file
	seen       time.Time  // when the writer first saw it
	enc        *encrypted // nil if the segment is not encrypted
	flushed    int64      // what was appended up to here is in the file
	inflight   tally      // packets that were to be flushed when the disk was full
	done       int64      // complete pages up to here are in the file, or encrypted
	file       file
	allocated  int64
	sum        *sum   // of complete pages; nil without Integrity
	size       int64  // of the complete file; 0 while it is not
	digest     string // of the complete file
	indexed    string // digest of the index, once that is on the disk
	indexBytes int64
	faults     int // of flushes
	chained    bool
	opened     bool // the chain says that it was begun
	broken     bool
	rescued    bool  // what is on the disk of it is a sealed segment by now
	stored     tally // that is on the disk
}

// timeMark is where the first packet of a stretch of a segment begins.
type timeMark struct {
	place uint32 // offset / 4
	at    int64
}

// stretch is the distance of time marks in bytes.
const stretch = 64 << 10

// stream is an interface.
type stream struct {
	iface    uint32
	seg      *segment // nil if no packet has come since the last was sealed
	excluded bool
	named    bool      // its last segment had a name, so the next need not wait for one
	nameless time.Time // since when that name is not known any more; zero if it is
}
