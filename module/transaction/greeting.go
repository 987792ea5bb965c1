package transaction

import (
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/module/ecs"
)

// greeting reads the ClientHello of a TLS connection, for the fingerprint that
// packetbeat's analyzer does not make. A nil greeting reads nothing.
type greeting struct {
	tcp clienthello.TCP
}

// feed reads data that is in order. Only the client begins with a ClientHello.
func (g *greeting) feed(data []byte) {
	if g == nil || len(data) == 0 || g.tcp.Status() != clienthello.More {
		return
	}
	if g.tcp.Size() == 0 && !clienthello.IsTLSClient(data) {
		return
	}
	g.tcp.Feed(data)
}

// addTo adds what has been read to the event of packetbeat's analyzer. It is
// called by that analyzer, which has no goroutine of its own.
func (g *greeting) addTo(e *beat.Event) {
	if g == nil || g.tcp.Status() != clienthello.Done {
		return
	}
	h := g.tcp.Hello()
	h.ServerName = "" // packetbeat's own field, with its own rules
	e.Fields.DeepUpdate(mapstr.M(event.ToMap(helloDocument{h: &h})))
}

// helloDocument writes the hello alone.
type helloDocument struct {
	event.Document // nothing but Write is asked for
	h              *clienthello.Hello
}

// Write implements [event.Document].
func (d helloDocument) Write(w event.Writer) { ecs.Hello(w, d.h) }
