package behaviour

import "fmt"

// The bounds of data in ICMP.
const (
	echoHeaders  = 42  // bytes of a frame before the data of an echo request
	echoPayload  = 100 // of data: ping sends 56
	echoPackets  = 10
	echoVaried   = 30 // of more than one size: some are sent to find the largest that gets through
	echoMismatch = 8  // bytes by which replies differ from requests
	leastFrame   = 60 // bytes, to which Ethernet pads what it carries
)

// icmp reports echo requests that carry data.
func (e *Engine) icmp() {
	o := e.obs
	if o.Place != World && o.Place != LAN || o.UpPackets == 0 {
		return
	}
	x := echoes{up: o.Up, down: o.Down, requests: o.UpPackets, replies: o.DownPackets}
	way, evidence := x.way()
	if way == "" && o.Final {
		all := e.echoes()
		all.add(o)
		way, evidence = all.together()
		x = *all
	}
	if way == "" || e.skips(ICMPTunnel, way, e.net) {
		return
	}
	f := &Finding{Rule: ICMPTunnel, Way: way, Level: Medium, Score: 0.6, dest: e.net, BytesUp: x.up, BytesDown: x.down, Evidence: []string{evidence}}
	switch {
	case way == "replies":
		f.Score = 0.8
	case x.likePing(way):
		f.lower("replies have the size of the requests")
	}
	f.Reason = fmt.Sprintf("%s exchanges %d ICMP messages with %s, %s%s", e.who(), x.requests+x.replies, e.whom(), size(x.up+x.down), tail(f.Evidence))
	e.report(f)
}

// means returns the mean sizes of requests and replies, without what Ethernet pads.
func (x *echoes) means() (up, down uint64) {
	return max(x.up/max(x.requests, 1), leastFrame), max(x.down/max(x.replies, 1), leastFrame)
}

// way returns how the echo requests with one identifier carry data, "" if they do not.
func (x *echoes) way() (way, evidence string) {
	up, down := x.means()
	switch {
	case x.requests < echoPackets:
		return "", ""
	case x.replies >= echoPackets/2 && (up > down+echoMismatch || down > up+echoMismatch):
		return "replies", fmt.Sprintf("replies of %d bytes to requests of %d", down, up)
	case up > echoPayload+echoHeaders:
		return "payload", fmt.Sprintf("requests of %d bytes", up)
	case x.requests >= echoVaried && x.varied():
		return "sizes", fmt.Sprintf("%d requests of several sizes", x.requests)
	}
	return "", ""
}

// varied reports whether the requests have more than one size.
func (x *echoes) varied() bool { return x.up%x.requests != 0 }

// unlikePing reports whether the requests have several sizes, or the replies another one than they.
func (x *echoes) unlikePing() bool {
	return x.varied() || x.replies > 0 && (x.down%x.replies != 0 || x.up/x.requests != x.down/x.replies)
}

// likePing reports whether the messages may be those of a person who pings with a size of his own or, if they
// are small, changes it. A host that is pinged sends back what it was sent, and so does a server that has
// nothing to say.
func (x *echoes) likePing(way string) bool {
	switch {
	case x.replies == 0 || x.up >= uploadLow:
		return false
	case way == "sizes":
		return x.mirrored()
	case x.flows > 0:
		return !x.unlike
	}
	return !x.unlikePing()
}

// mirrored reports whether replies have the size of the requests, as those of ping, also if
// that changes.
func (x *echoes) mirrored() bool { return x.replies > 0 && x.up*x.replies == x.down*x.requests }
