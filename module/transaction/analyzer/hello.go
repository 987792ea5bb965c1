package analyzer

import (
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
)

// hello reads the ClientHello of a TLS connection, for the fingerprint that
// packetbeat's analyzer does not compute. A nil hello reads nothing.
type hello struct {
	tcp clienthello.TCP
}

// feed reads data of either direction that is in order. Only the client's begins
// with a ClientHello.
func (h *hello) feed(data []byte) {
	if h == nil || len(data) == 0 || h.tcp.Status() != clienthello.More {
		return
	}
	if h.tcp.Size() == 0 && !clienthello.IsTLSClient(data) {
		return
	}
	h.tcp.Feed(data)
}

// addTo adds the hello to an event of packetbeat's analyzer, which reports in the
// goroutine that calls it.
func (h *hello) addTo(e *beat.Event) {
	if h == nil || h.tcp.Status() != clienthello.Done {
		return
	}
	read := h.tcp.Hello()
	read.ServerName = "" // packetbeat has the field, with rules of its own
	e.Fields.DeepUpdate(mapstr.M(event.ToMap(helloDocument{hello: &read})))
}

// helloDocument writes the fields of a hello only.
type helloDocument struct {
	event.Document // only Write is called
	hello          *clienthello.Hello
}

// Write implements [event.Document].
func (d helloDocument) Write(w event.Writer) { ecs.Hello(w, d.hello) }
