package behaviour

import (
	"fmt"
	"math"
	"slices"
)

// echoes are the echo requests to an address within [echoSpan], and what came back.
type echoes struct {
	dest              uint64
	since             int64
	up, down          uint64
	requests, replies uint64
	flows             uint32 // with an identifier each
	large             uint32 // of these, with requests that carry much
	differ            uint32 // whose replies have another size
	unlike            bool   // some of them are unlike those of ping
	several           uint8  // sizes of requests so far, of flows whose replies have another one, or none
	sizes             [echoSizes]uint16
}

// What echo requests with many identifiers are: a tunnel that changes its own, or a loop that starts a
// program for each. Ping has one, and who looks for the largest size that gets through tries some ten.
const (
	echoSpan  = int64(600e9)
	echoFlows = 16
	echoLarge = 16
	echoSizes = 8
)

// echoes returns the place of those to the current address.
func (e *Engine) echoes() *echoes {
	o := e.obs
	dest := e.hashAddr(o.Addr, false)
	x := &e.cur.requests[dest%uint64(len(e.cur.requests))].echoes
	if x.dest != dest || o.At-x.since > echoSpan || o.At < x.since {
		*x = echoes{dest: dest, since: o.At}
	}
	return x
}

// add adds those with another identifier.
func (x *echoes) add(o *Observation) {
	one := echoes{up: o.Up, down: o.Down, requests: o.UpPackets, replies: o.DownPackets}
	up, down := one.means()
	if up > echoPayload+echoHeaders {
		x.large++
	}
	if one.replies > 0 && (up > down+echoMismatch || down > up+echoMismatch) {
		x.differ++
	}
	if !one.mirrored() {
		x.sized(uint16(min(up, math.MaxUint16)))
	}
	x.unlike = x.unlike || one.unlikePing()
	x.flows++
	x.up, x.down, x.requests, x.replies = x.up+o.Up, x.down+o.Down, x.requests+o.UpPackets, x.replies+o.DownPackets
}

// sized counts a size of requests if it is another one. Programs that ping a host have a size each.
func (x *echoes) sized(size uint16) {
	if int(x.several) == len(x.sizes) || slices.Contains(x.sizes[:x.several], size) {
		return
	}
	x.sizes[x.several] = size
	x.several++
}

// together returns how echo requests with many identifiers carry data, "" if they do not.
func (x *echoes) together() (way, evidence string) {
	up, down := x.means()
	switch {
	case x.flows < echoFlows || x.requests < echoVaried:
		return "", ""
	case x.differ >= echoLarge:
		return "replies", fmt.Sprintf("replies of %d bytes to requests of %d, with %d identifiers", down, up, x.flows)
	case x.large >= echoLarge:
		return "payload", fmt.Sprintf("requests of %d bytes, with %d identifiers", up, x.flows)
	case x.several >= echoSizes:
		return "sizes", fmt.Sprintf("%d requests of several sizes, with %d identifiers", x.requests, x.flows)
	}
	return "", ""
}
