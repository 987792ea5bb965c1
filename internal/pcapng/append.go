package pcapng

import "net/netip"

// Section describes a section, which is all that follows up to the next one.
type Section struct {
	Program string // that writes it
	Comment string
}

// AppendSection appends the header of a section of unknown length.
func AppendSection(b []byte, s *Section) []byte {
	start := len(b)
	b = begin(b, TypeSection)
	b = le.AppendUint32(b, byteOrder)
	b = le.AppendUint16(le.AppendUint16(b, 1), 0)
	b = le.AppendUint64(b, 1<<64-1)
	options := len(b)
	b = text(b, optComment, s.Comment)
	b = text(b, optProgram, s.Program)
	return finish(end(b, options), start)
}

// Interface describes an observation point. Times of its packets are in nanoseconds.
type Interface struct {
	LinkType    uint16
	Name        string
	Description string
	Filter      string // in libpcap's language
	Comment     string
}

// AppendInterface appends an interface, whose number is how many of the section came
// before it.
func AppendInterface(b []byte, i *Interface) []byte {
	start := len(b)
	b = begin(b, TypeInterface)
	b = le.AppendUint32(b, uint32(i.LinkType))
	b = le.AppendUint32(b, MaxSnap)
	options := len(b)
	b = text(b, optComment, i.Comment)
	b = text(b, optIfName, i.Name)
	b = text(b, optIfDescription, i.Description)
	b = append(b, optIfResolution, 0, 1, 0, 9, 0, 0, 0)
	if i.Filter != "" {
		n := min(len(i.Filter), 0xfffe)
		b = le.AppendUint16(le.AppendUint16(b, optIfFilter), uint16(n+1))
		b = pad(append(append(b, 0), i.Filter[:n]...), n+1) // 0: libpcap's language
	}
	return finish(end(b, options), start)
}

// Packet is a captured frame.
type Packet struct {
	Interface uint32 // number in the section
	At        int64  // Unix time in nanoseconds
	Data      []byte
	Length    uint32 // bytes on the wire
	Flags     uint32 // epb_flags; 0 is left out
	Dropped   uint64 // frames lost since the packet before; 0 is left out
	Comment   string
}

// PacketBytes returns the length of a packet's block with n bytes of data, without a
// comment.
func PacketBytes(n int, flags uint32, dropped uint64) int {
	n = 32 + (n+3)&^3
	if flags != 0 {
		n += 8
	}
	if dropped != 0 {
		n += 12
	}
	if flags != 0 || dropped != 0 {
		n += 4
	}
	return n
}

// AppendPacket appends a packet.
func AppendPacket(b []byte, p *Packet) []byte {
	start := len(b)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, TypePacket), 0), p.Interface)
	b = timestamp(b, p.At)
	b = le.AppendUint32(le.AppendUint32(b, uint32(len(p.Data))), p.Length)
	b = pad(append(b, p.Data...), len(p.Data))
	options := len(b)
	b = text(b, optComment, p.Comment)
	if p.Flags != 0 {
		b = le.AppendUint32(append(b, optFlags, 0, 4, 0), p.Flags)
	}
	if p.Dropped != 0 {
		b = le.AppendUint64(append(b, optDropCount, 0, 8, 0), p.Dropped)
	}
	return finish(end(b, options), start)
}

// Name is an address and a name of it.
type Name struct {
	Addr netip.Addr // IPv4 or IPv6; one that is not valid is left out
	Name string
}

// AppendNames appends names for addresses. A name ends at its first zero byte.
func AppendNames(b []byte, names []Name, comment string) []byte {
	start := len(b)
	b = begin(b, TypeNames)
	for i := range names {
		b = name(b, &names[i])
	}
	b = le.AppendUint32(b, 0) // the end of the records, which options may follow
	options := len(b)
	b = text(b, optComment, comment)
	return finish(end(b, options), start)
}

func name(b []byte, n *Name) []byte {
	text := n.Name[:min(len(n.Name), 1024)]
	for i := range len(text) {
		if text[i] == 0 {
			text = text[:i]
			break
		}
	}
	addr := n.Addr.WithZone("").Unmap()
	size, kind := 16, uint16(2)
	if addr.Is4() {
		size, kind = 4, 1
	}
	if !addr.IsValid() || text == "" {
		return b
	}
	size += len(text) + 1
	b = le.AppendUint16(le.AppendUint16(b, kind), uint16(size))
	if addr.Is4() {
		a := addr.As4()
		b = append(b, a[:]...)
	} else {
		a := addr.As16()
		b = append(b, a[:]...)
	}
	return pad(append(append(b, text...), 0), size)
}

// Stats are the statistics of an interface.
type Stats struct {
	Interface  uint32
	At         int64 // Unix time in nanoseconds, as Start and End
	Start, End int64 // of what was captured; 0 is left out
	Received   uint64
	Dropped    uint64 // of Received
	Counted    bool   // Received and Dropped are known
	Comment    string
}

// AppendStats appends statistics.
func AppendStats(b []byte, s *Stats) []byte {
	start := len(b)
	b = le.AppendUint32(begin(b, TypeStats), s.Interface)
	b = timestamp(b, s.At)
	options := len(b)
	b = text(b, optComment, s.Comment)
	if s.Start != 0 {
		b = timestamp(append(b, optStart, 0, 8, 0), s.Start)
	}
	if s.End != 0 {
		b = timestamp(append(b, optEndTime, 0, 8, 0), s.End)
	}
	if s.Counted {
		b = le.AppendUint64(append(b, optReceived, 0, 8, 0), s.Received)
		b = le.AppendUint64(append(b, optDrop, 0, 8, 0), s.Dropped)
	}
	return finish(end(b, options), start)
}
