package pcapng

// MinFill is the length of the shortest filler.
const MinFill = 36

// AppendFill appends n bytes that readers skip silently: statistics of an interface
// with nothing but a comment of spaces. Zeros behind the last block would be reported as damage.
// n must be a multiple of 4, and from MinFill to 60,000.
func AppendFill(b []byte, iface uint32, at int64, n int) []byte {
	if n < MinFill || n > 60000 || n&3 != 0 {
		panic("pcapng: a filler of an impossible length")
	}
	start := len(b)
	b = timestamp(le.AppendUint32(begin(b, TypeStats), iface), at)
	spaces := n - 24 - 8
	b = le.AppendUint16(le.AppendUint16(b, optComment), uint16(spaces))
	for range spaces {
		b = append(b, ' ')
	}
	return finish(le.AppendUint32(b, optEnd), start)
}
