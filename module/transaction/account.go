package transaction

import (
	"cmp"
	"strconv"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// addedSize is about what the names of the qubes and the observer add to an event,
// without the names themselves.
const addedSize = 150

// account returns what a summary would count of an event.
func (r *report) account(p *event.Parties) *event.Account {
	e, seen := &r.event, &r.observation
	at := e.Timestamp.UnixNano()
	a := &event.Account{Parties: p, Dataset: cmp.Or(text(e, "event.dataset"), text(e, "type")), Start: at, End: at, Count: 1,
		Size:    event.EnvelopeSize + addedSize + p.EventSize() + textSize(e.Fields),
		Outcome: text(e, "status"), Name: cmp.Or(text(e, "server.domain"), text(e, "dns.question.name"))}
	own, other := "source", "destination"
	a.Peer = seen.Destination
	if p.Client.IsValid() && p.Client == seen.Destination && p.Client != seen.Source {
		own, other = other, own
		a.Peer = seen.Source
	}
	a.Port = uint16(number(e, other+".port"))
	a.Sent, a.Received = event.Traffic{Bytes: number(e, own+".bytes")}, event.Traffic{Bytes: number(e, other+".bytes")}
	return a
}

// number returns a field as a number, 0 if it is not one.
func number(e *beat.Event, key string) uint64 {
	n, _ := strconv.ParseFloat(text(e, key), 64)
	return uint64(max(n, 0))
}

// The size of values that are no text, and of the escape of a byte that is not plain.
const (
	otherSize  = 8
	escapeSize = 6 // \u0000
)

// textSize returns about how many bytes a value of an event takes as JSON.
func textSize(v any) (n int) {
	switch v := v.(type) {
	case string:
		n = len(`"",`) + len(v)
		for i := range len(v) {
			if v[i] < ' ' {
				n += escapeSize - 1
			}
		}
		return n
	case mapstr.M:
		return textSize(map[string]any(v))
	case map[string]any:
		for key, inner := range v {
			n += len(`"":`) + len(key) + textSize(inner)
		}
	case []string:
		for _, s := range v {
			n += textSize(s)
		}
	case []any:
		for _, inner := range v {
			n += textSize(inner)
		}
	default:
		return otherSize
	}
	return n + len(`{},`)
}
