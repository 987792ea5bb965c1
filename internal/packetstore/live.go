package packetstore

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"
)

// Live is what a [Store] does at a moment.
type Live struct {
	State    string // running, short, full, failed, stopped
	Why      string // it is not running; "" if it is
	MaxBytes int64  // the bound that applies

	CutFlow, CutPressure, LostMemory, LostDisk uint64 // packets since the start
	Lifted                                     int    // flows of findings and verdicts, for which there is no limit
	Streams                                    []LiveStream
}

// LiveStream is an interface that had packets lately.
type LiveStream struct {
	Iface              uint32
	Excluded           bool
	Qube               string // of the segment that is being filled, as [QubeStatus] has it; "" if there is none
	Packets, Cut, Lost uint64 // of that segment
}

// Live returns what the store does now, the streams by their interfaces. It may be called
// from any goroutine while the store is open.
func (s *Store) Live() Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := Live{State: s.level.String(), Why: s.why, MaxBytes: s.disk.most, CutFlow: s.c.written[cutFlow].packets, CutPressure: s.c.written[cutPressure].packets,
		LostMemory: s.c.lostMemory.packets, LostDisk: s.c.lostDisk.packets, Lifted: len(s.watches.lifts)}
	for _, st := range s.streams {
		one := LiveStream{Iface: st.iface, Excluded: st.excluded}
		if g := st.seg; g != nil && g.resolved && !g.excluded {
			one.Qube, one.Packets, one.Lost = qubeOf(g.qube), uint64(g.packets), g.lost.packets
			one.Cut = g.total[cutFlow].packets + g.total[cutPressure].packets
		}
		l.Streams = append(l.Streams, one)
	}
	slices.SortFunc(l.Streams, func(a, b LiveStream) int { return cmp.Compare(a.Iface, b.Iface) })
	return l
}

// VolumeBytes returns the size of the file system that a folder is on.
func VolumeBytes(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return int64(fs.Blocks) * fs.Bsize, nil
}
