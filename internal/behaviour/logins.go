package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// logins counts the short connections with one port of a host that are alike.
type logins struct {
	dest  uint64
	since int64
	up    uint64 // bytes that the first of them has sent
	down  uint64 // and received, 0 after a start
	n     uint32
	other uint8 // connections in a row that are not alike
}

// What attempts to log in look like: a person makes three, and a program that works keeps its
// connection. Those who guess passwords open a connection for each few of them, and each says
// as much as the one before.
const (
	loginSpan   = int64(300e9)
	loginCount  = 20
	loginLonger = int64(60e9) // than that is no attempt that has failed
	loginSent   = 5           // segments, and likewise received: names, keys, a password, the end
	loginUnlike = 4           // a quarter of the bytes
	loginMost   = 10_000      // bytes that a server sends to one that it refuses, with its keys and certificates
	loginOthers = 3           // in a row are another program; one or two have guessed once more or less
)

// attempted reports whether the current connection may be an attempt to log in.
func (o *Observation) attempted() bool {
	return o.Proto == protoTCP && o.Down < loginMost && o.Duration <= loginLonger && o.UpPackets >= loginSent && o.DownPackets >= loginSent &&
		(!usualPort(o.Port) || Service(o.Port) || o.Port == 21 || ofMail(o.Port))
}

// ofMail reports whether mail is read or sent at a port. Programs that look into many mailboxes, one after the
// other, do what those do who guess passwords, but for what the server says.
func ofMail(port uint16) bool {
	switch port {
	case 25, 110, 143, 465, 587, 993, 995:
		return true
	}
	return false
}

// alike reports whether a connection has sent and received about as much as the first.
func (l *logins) alike(o *Observation) bool {
	if l.down == 0 {
		l.down = o.Down
	}
	return about(o.Up, l.up) && about(o.Down, l.down)
}

// about reports whether two numbers are nearly the same.
func about(a, b uint64) bool { return a <= b+b/loginUnlike && b <= a+a/loginUnlike }

// attempt counts the current connection if it looks like an attempt to log in, and reports many.
func (e *Engine) attempt() {
	o := e.obs
	if !o.attempted() {
		return
	}
	dest := e.hashAddr(o.Addr, false) ^ uint64(o.Port)*0x9e3779b97f4a7c15
	l := &e.cur.logins[dest%uint64(len(e.cur.logins))]
	born := o.At - o.Duration
	switch {
	case l.dest != dest || born-l.since > loginSpan || born < l.since-loginSpan:
		*l = logins{dest: dest, since: born, up: o.Up, down: o.Down}
	case l.alike(o):
		l.other = 0
	case l.other+1 < loginOthers:
		l.other++
		return
	default:
		*l = logins{dest: dest, since: born, up: o.Up, down: o.Down}
	}
	if l.n++; l.n >= loginCount && !e.known(baseline.Destination, e.net) && !e.skips(Lateral, "logins", e.net) {
		e.guessing(l)
	}
}

// guessing reports connections that look like attempts to log in.
func (e *Engine) guessing(l *logins) {
	o := e.obs
	f := &Finding{Rule: Lateral, Way: "logins", Level: Low, Score: 0.6, First: l.since, dest: e.net, Evidence: []string{"T1110 Brute Force"}}
	if service := services[o.Port]; service != "" {
		f.Level = Medium
		f.Evidence = append(f.Evidence, service)
	}
	f.Reason = fmt.Sprintf("%s opens connections with %s that are short and alike, as if it tried passwords: %d within %s%s", e.who(), e.whom(), l.n,
		seconds(max(o.At-l.since, 0)), tail(f.Evidence))
	e.report(f)
}
