package source

import (
	"log/slog"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Config says what to open.
type Config struct {
	// Interfaces are those of the configuration, at least one.
	Interfaces []config.Interface
	// Replay names capture files, which are then read instead of the interfaces.
	Replay Replay
	// Snap says how much of each live packet is captured.
	Snap capture.SnapPolicy
	// Brief reports whose live packets no one keeps: see [capture.RingConfig]. It may be nil.
	Brief func(iface uint32) bool
	// Prompt has live packets handed over sooner: see [capture.RingConfig].
	Prompt bool
	// Unused says that no part of the program looks at live packets: none are
	// captured.
	Unused bool
	// Shunt counts the packets of some flows before the ring. It may be nil.
	Shunt capture.Shunt
	// Gone, if not nil, is called when an interface is not captured any more. Some of its
	// frames may come yet.
	Gone func(iface uint32)
	// Stop ends what waits for standard input.
	Stop <-chan struct{}
	// Logger must not be nil.
	Logger *slog.Logger
	// Guard recovers from panics of the watch of interfaces. It may be nil.
	Guard *guard.Part
}

// Replay is packetbeat's way to read capture files.
type Replay struct {
	Files    []string // paths and patterns; "-" is standard input
	Loop     int      // how often they are read; 0 means forever
	OneByOne bool     // wait for the Enter key before each packet
	TopSpeed bool     // do not keep the packets' pace
}

// Source is an opened capture.
type Source struct {
	capture.Source
	// Now is the time on the packets' clock while no packet comes. It is nil if time
	// stands still then, as in a replay at full speed.
	Now func() int64

	live capture.Live // nil in a replay, or without packets
}

// Open opens the files, if any are named, or else the live interfaces.
func Open(c *Config) (*Source, error) {
	if len(c.Replay.Files) > 0 {
		if c.Interfaces[0].BPFFilter != "" { // as in packetbeat
			c.Logger.Warn("ignoring bpf_filter, which is for live captures", "filter", c.Interfaces[0].BPFFilter)
		}
		return openFiles(c.Replay, c.Stop)
	}
	if c.Unused {
		return &Source{Source: newSilence()}, nil
	}
	return openLive(c)
}

func wallClock() int64 { return time.Now().UnixNano() }

// HasVif reports whether the vif of a Xen domain is there. The names remember vifs
// that are gone; a live capture knows better.
func (s *Source) HasVif(domid int32) bool {
	if s.live != nil {
		return s.live.HasVif(domid)
	}
	return s.Interfaces().HasVif(domid)
}
