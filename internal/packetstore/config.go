package packetstore

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config holds the settings of a [Store]. Durations and sizes that are 0 get their
// default, which is half of the free space for MaxBytes, 10 GiB at most.
type Config struct {
	Dir      string
	MaxBytes int64         // of all segments on the disk, their indexes included
	MaxAge   time.Duration // after which segments are removed; 0 never
	MinFree  int64         // bytes of the file system that are left free; default 512 MiB

	Segment     SegmentLimits
	Memory      int           // bytes of the buffers; default 32 MiB
	Flush       time.Duration // after which a packet is in the file at the latest; default 1 s
	Hold        time.Duration // for which packets of an unknown client wait for its name; default 3 s
	Integrity   bool          // digests of segments are in the chain
	HeadersOnly bool          // 256 bytes of every frame are stored
	Snaplen     int           // bytes of a frame that are stored; default 128 KiB, which is also the most
	FlowLimit   int64         // bytes of one flow in one segment; 0 without limit
	Filter      string        // of tcpdump, that the packets have passed, for the heads of segments; up to 1,000 bytes
	Compress    string        // how sealed segments are compressed: zstd, or "" for not at all; not those that are encrypted
	EncryptTo   []string      // public keys of age (age1...), 16 at most; without any, segments are not encrypted

	// Names returns who is behind an interface at a time, and whether that is known.
	// The Vif is set even if it is not. It is called by Run, and by Add when a segment
	// begins; it must not wait. Required.
	Names func(iface uint32, at time.Time) (Holder, bool)
	// Limits returns the limits of a qube, by its name; nil for none.
	Limits func(qube string) Limits

	Version string           // of the program, for the heads of segments
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // default discards

	thorough bool // all of every index is checked, not only its head

	files  files                // of a test; by default the operating system's
	boot   string               // by default the kernel's
	uptime func() time.Duration // by default the kernel's
}

// SegmentLimits say when a segment is sealed and the next one begun.
type SegmentLimits struct {
	Bytes int64         // default 64 MiB
	Age   time.Duration // default 1 h
}

// Limits are those of one qube. The zero value limits nothing.
type Limits struct {
	Quota       int64   // bytes on the disk above which its oldest segments are removed; 0 for none
	Reserve     int64   // bytes up to which it loses nothing to others
	Weight      float64 // of its share where all quotas together exceed the bound; 0 means 1
	FlowLimit   int64   // instead of the Config's, if not 0
	HeadersOnly bool    // as in Config, if either is set
	Forget      bool    // its segments are removed when their ages are looked at, which is once a minute
}

// Holder is who is behind an interface.
type Holder struct {
	Vif       string // name of the interface
	Name      string // of the qube
	Label     string
	Class     string // AppVM, DispVM, ...
	UUID      string
	Netvm     string
	Addresses []netip.Addr
	Tags      []string
	Excluded  bool // no packet of it may be stored
}
