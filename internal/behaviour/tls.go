package behaviour

import (
	"fmt"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// tls judges what a client of TLS says first.
func (e *Engine) tls() {
	o, t := e.obs, e.obs.TLS
	newClient, bits := e.client()
	way, evidence := e.tlsWay()
	if newClient {
		e.first("ja4", bits, fmt.Sprintf("%s has used %d TLS clients; %s to %s is new", e.who(), e.cur.base.Len(baseline.Client)-1, t.JA4, e.whom()))
	}
	once := e.onceFor(way)
	if way == "" || e.known(baseline.Destination, e.net) || e.known(baseline.Client, once) || e.skips(TLSOdd, way, once) {
		return
	}
	f := &Finding{Rule: TLSOdd, Way: way, Level: Low, Score: 0.5, dest: e.net, once: once, JA4: t.JA4, Evidence: []string{evidence}}
	if way == "sni-mismatch" {
		f.Level = Medium
	}
	if newClient {
		f.Level, f.Score = f.Level.up(), 0.8
		f.Evidence = append(f.Evidence, "the TLS client "+t.JA4+" is new")
	}
	f.Reason = fmt.Sprintf("%s uses TLS in an unusual way with %s (port %d)%s", e.who(), e.whom(), o.Port, tail(f.Evidence))
	e.report(f)
}

// tlsWay returns what is odd about the current ClientHello, and that in words; "" if nothing
// is.
func (e *Engine) tlsWay() (way, evidence string) {
	o, t := e.obs, e.obs.TLS
	asks := t.Domain != "" && e.cur.resolves != 0 && o.At-e.cur.resolves >= dnsSeen // its queries have been seen for long enough
	if t.ServerName == "" && e.unnamed() {
		return "no-sni", "the client names no server"
	}
	switch {
	case oddServer(t):
		return "odd-sni", "the server name " + t.ServerName + " looks generated"
	case asks && e.mismatch():
		return "sni-mismatch", "the client asks for " + t.ServerName + ", which it has not resolved"
	case asks && o.Unresolved && !e.hasAsked(t.Domain):
		return "sni-unresolved", "the client has resolved neither the address nor " + t.ServerName
	case !usualTLS(o.Port) && !e.known(baseline.Port, portHash(o)):
		return "port", fmt.Sprintf("port %d is not one of TLS", o.Port)
	}
	return "", ""
}

// client records the fingerprint of the client and reports whether it is new for a qube
// that uses few.
func (e *Engine) client() (isNew bool, bits float64) {
	t := e.obs.TLS
	if t.JA4 == "" {
		return false, 0
	}
	learned := e.learned()
	bits = e.cur.base.Surprise(baseline.Client)
	_, fresh := e.observe(baseline.Client, siphash(e.conf.Key[0], e.conf.Key[1], t.JA4))
	return fresh && learned && bits >= surpriseClient, bits
}

// usualTLS reports whether servers of TLS or QUIC are usual at a port.
func usualTLS(port uint16) bool {
	switch port {
	case 443, 465, 563, 587, 636, 853, 989, 990, 992, 993, 994, 995, 2083, 2087, 2096, 3478, 5061, 5222, 5223, 5228, 5269, 5349, 6697, 7275,
		8080, 8443, 8853, 8883, 9443, 21, 25, 110, 143, 389, 3389, 5432, 784, 1194:
		return true
	}
	return false
}

// oddServer reports whether a server name looks generated: Tor's do.
func oddServer(t *TLS) bool {
	label, _, _ := strings.Cut(t.Domain, ".")
	bits, ok := names.Oddity(label)
	return ok && bits > names.OddLabel && !t.Given
}

// mismatch reports whether the client asks the server for another name than the one by which
// it has found the address: domain fronting, or a name that is made up. With ECH the name is
// the provider's.
func (e *Engine) mismatch() bool {
	o, t := e.obs, e.obs.TLS
	return !t.ECH && o.Domain != "" && o.Domain != t.Domain && !e.hasAsked(t.Domain)
}

// portHTTPS is where each server has a name.
const portHTTPS = 443

// unnamed reports whether the server has no name that is known, at a place where servers of
// TLS have one.
func (e *Engine) unnamed() bool {
	o := e.obs
	return o.Place == World && (o.Unresolved || o.Name == "" && (o.Port == portHTTPS || !usualTLS(o.Port)))
}

// onceFor returns what a way is reported once for: the destination or, if it is not known whether
// the client has resolved the address of a server of HTTPS that it does not name, the client: some
// programs never name one, and talk to hundreds.
func (e *Engine) onceFor(way string) uint64 {
	if o := e.obs; way == "no-sni" && !o.Unresolved && o.Port == portHTTPS {
		return siphash(e.conf.Key[0], e.conf.Key[1], o.TLS.JA4)
	}
	return e.net
}
