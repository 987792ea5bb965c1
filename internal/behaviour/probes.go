package behaviour

// bareSegment is how large the frame of a segment without data and options is at most, over IPv4, and bareV6
// that over IPv6: padded, with a tag of a VLAN or the header of a Linux cooked capture. The segments of most
// systems have the time in an option, which makes 66 and 86 bytes, and those of scanners nothing.
const bareSegment, bareV6 = leastFrame + 4, 78

// ephemeral is the first of the ports that systems give to clients. A late segment of a server to one
// looks like a probe.
const ephemeral = 32768

// bare reports whether the current flow is one segment that belongs to no connection, such as an ACK or a
// SYN+ACK, to find out what is there: without data, and answered with a reset or nothing.
func (o *Observation) bare() bool {
	size := uint64(bareSegment)
	if o.Addr.Is6() && !o.Addr.Is4In6() {
		size = bareV6
	}
	return o.Proto == protoTCP && o.Midstream && o.Up <= size && o.Down <= size && o.Port < ephemeral
}

// probed counts the current flow if it is a bare segment, and reports many.
func (e *Engine) probed() {
	if !e.obs.bare() {
		return
	}
	e.cur.walk.Bare(e.contact(), &e.alarm)
	e.scanned()
}
