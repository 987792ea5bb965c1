package behaviour

import (
	"fmt"
)

// The bounds of data in ICMP.
const (
	echoHeaders  = 42  // bytes of a frame before the data of an echo request
	echoPayload  = 100 // of data: ping sends 56
	echoPackets  = 10
	echoMismatch = 8  // bytes by which replies differ from requests
	leastFrame   = 60 // bytes, to which Ethernet pads what it carries
)

// icmp reports echo requests that carry data.
func (e *Engine) icmp() {
	o := e.obs
	if o.Place != World && o.Place != LAN || o.UpPackets < echoPackets || o.UpPackets == 0 {
		return
	}
	if e.skips(ICMPTunnel, "replies", e.net) {
		return
	}
	up, down := o.Up/o.UpPackets, uint64(0)
	if o.DownPackets > 0 {
		down = o.Down / o.DownPackets
	}
	up, down = max(up, leastFrame), max(down, leastFrame)
	f := &Finding{Rule: ICMPTunnel, Level: Medium, Score: 0.6, dest: e.net, BytesUp: o.Up, BytesDown: o.Down}
	differ := o.DownPackets >= echoPackets/2 && (up > down+echoMismatch || down > up+echoMismatch)
	switch {
	case differ:
		f.Way, f.Score = "replies", 0.8
		f.Evidence = append(f.Evidence, fmt.Sprintf("replies of %d bytes to requests of %d", down, up))
	case up > echoPayload+echoHeaders:
		f.Way = "payload"
		f.Evidence = append(f.Evidence, fmt.Sprintf("requests of %d bytes", up))
	default:
		return
	}
	f.Reason = fmt.Sprintf("%s exchanges %d ICMP messages with %s, %s%s", e.who(), o.UpPackets+o.DownPackets, e.whom(), size(o.Up+o.Down), tail(f.Evidence))
	e.report(f)
}
