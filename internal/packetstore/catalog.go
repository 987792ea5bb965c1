package packetstore

import "time"

// known is a sealed segment.
type known struct {
	name, folder string // name is from the store's folder on
	bytes        int64  // on the disk, with the index
	index        int64  // of it the index
	first, last  int64  // times of packets
	packets      uint32
	sealed       time.Duration // since the start of the machine; 0 if in an earlier process
}

// catalog is what is on the disk.
type catalog struct {
	shelves      map[string]*shelf // by folder
	bytes, index int64             // of sealed segments
	open         int64             // reserved for open ones
	count        int
}

// shelf is the sealed segments of a qube, the oldest first.
type shelf struct {
	segs  []known
	bytes int64
}

// maxSegments bounds the catalog: 10 MB.
const maxSegments = 100_000

func (c *catalog) add(k known) {
	if c.shelves == nil {
		c.shelves = map[string]*shelf{}
	}
	s := c.shelves[k.folder]
	if s == nil {
		s = &shelf{}
		c.shelves[k.folder] = s
	}
	s.segs = append(s.segs, k)
	s.bytes += k.bytes
	c.bytes += k.bytes
	c.index += k.index
	c.count++
}

// removeOldest removes the oldest segment of a qube.
func (c *catalog) removeOldest(folder string) {
	s := c.shelves[folder]
	oldest := s.segs[:1]
	c.take(folder, oldest, s.segs[1:])
	clear(oldest) // its name is not kept with the rest of the list
}

// names returns the names of a qube's segments, without what those have behind them that are compressed.
func (c *catalog) names(folder string) map[string]bool {
	all := map[string]bool{}
	if s := c.shelves[folder]; s != nil {
		for i := range s.segs {
			all[plainName(s.segs[i].name)] = true
		}
	}
	return all
}

// filter removes the segments of a qube that do not pass, and returns them.
func (c *catalog) filter(folder string, pass func(*known) bool) (removed []known) {
	var left []known
	for _, k := range c.shelves[folder].segs {
		if pass(&k) {
			left = append(left, k)
		} else {
			removed = append(removed, k)
		}
	}
	c.take(folder, removed, left)
	return removed
}

// take takes segments off the shelf of a qube, on which some are left, and the shelf away if none is.
func (c *catalog) take(folder string, segs, left []known) {
	s := c.shelves[folder]
	for i := range segs {
		k := &segs[i]
		s.bytes -= k.bytes
		c.bytes -= k.bytes
		c.index -= k.index
		c.count--
	}
	if s.segs = left; len(left) == 0 {
		delete(c.shelves, folder)
	}
}

// find returns a segment of a qube, nil if it is not there any more.
func (c *catalog) find(folder, name string) *known {
	s := c.shelves[folder]
	if s == nil {
		return nil
	}
	for i := range s.segs {
		if s.segs[i].name == name {
			return &s.segs[i]
		}
	}
	return nil
}

// replace gives a segment that is there another name and size.
func (c *catalog) replace(folder, name, to string, bytes int64) {
	k := c.find(folder, name)
	c.shelves[folder].bytes += bytes - k.bytes
	c.bytes += bytes - k.bytes
	k.name, k.bytes = to, bytes
}

// oldest returns the time of the earliest packet of the oldest segment, 0 without any.
func (c *catalog) oldest() (at int64) {
	for _, s := range c.shelves {
		if first := s.segs[0].first; at == 0 || first < at {
			at = first
		}
	}
	return at
}
