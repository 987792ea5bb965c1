package packetstore

import (
	"cmp"
	"slices"
)

// Why segments are removed.
const (
	forAge   = "age"
	forQuota = "quota"
	forBytes = "max_bytes"
	forFree  = "min_free"
	forCount = "segments"
	forGone  = "gone"
)

// holding is what a qube has on the disk.
type holding struct {
	folder string
	segs   []known // sealed, the oldest first
	bytes  int64   // of them, and what is reserved for open ones
	limits Limits
	spared bool // it is watched: the last to lose for space
}

// bounds are those of all holdings together.
type bounds struct {
	total, most int64             // bytes that are used, and that may be
	lacking     int64             // bytes to free because the file system has too little
	segments    int               // to remove because there are too many
	old         func(*known) bool // whether a segment is too old
}

// victim is the oldest segment of a qube that is to be removed now.
type victim struct {
	folder string
	reason string
}

// choose returns which qubes lose their oldest segment, in this order: what is
// to be forgotten, then for age, then
// above a qube's quota, then of those who have most by their weight and more than their
// reserve, until all fits or nothing is left. So a qube that stores much removes what it
// has stored itself.
func choose(all []holding, b bounds) (victims []victim) {
	hs := slices.Clone(all)
	slices.SortFunc(hs, func(a, b holding) int { return cmp.Compare(a.folder, b.folder) })
	take := func(h *holding, reason string) {
		n := h.segs[0].bytes
		h.segs = h.segs[1:]
		h.bytes -= n
		b.total -= n
		b.lacking -= n
		b.segments--
		victims = append(victims, victim{h.folder, reason})
	}
	for i := range hs {
		for h := &hs[i]; len(h.segs) > 0 && h.limits.Forget; {
			take(h, forGone)
		}
		for h := &hs[i]; len(h.segs) > 0 && b.old != nil && b.old(&h.segs[0]); {
			take(h, forAge)
		}
	}
	for i := range hs {
		for h := &hs[i]; len(h.segs) > 0 && h.limits.Quota > 0 && h.bytes > h.limits.Quota; {
			take(h, forQuota)
		}
	}
	for b.total > b.most || b.lacking > 0 || b.segments > 0 {
		h := heaviest(hs)
		if h == nil {
			break
		}
		take(h, b.reason())
	}
	return victims
}

// reason returns which of the bounds that are exceeded asks for a removal.
func (b *bounds) reason() string {
	switch {
	case b.lacking > 0:
		return forFree
	case b.total > b.most:
		return forBytes
	}
	return forCount
}

// heaviest returns the holding that is largest by its weight, of those that have
// something to lose; nil if there is none.
func heaviest(hs []holding) (found *holding) {
	for i := range hs {
		h := &hs[i]
		if len(h.segs) > 0 && h.bytes > h.limits.Reserve && (found == nil || h.before(found)) {
			found = h
		}
	}
	return found
}

// before reports whether a holding is to lose something rather than another.
func (h *holding) before(o *holding) bool {
	if h.spared != o.spared {
		return o.spared
	}
	return h.weighed() > o.weighed()
}

// weighed returns the bytes of a holding by its weight.
func (h *holding) weighed() float64 {
	if h.limits.Weight <= 0 {
		return float64(h.bytes)
	}
	return float64(h.bytes) / h.limits.Weight
}
