package detect

import (
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// Item is what has happened at one time: what a flow that lives has done, or something else.
type Item struct {
	At     int64 // packet time, nanoseconds since the Unix epoch
	Iface  uint32
	Notice flow.Notice // if Other is nil
	Other  Other
}

// Other is what happens besides in flows that live: an [Ended], a [Message], a [Certificate], a
// [Search], a [Refusal], a [Foreign] or a [Check].
type Other interface {
	// observe has the translator fill the observation of an item, and reports whether there is one.
	observe(t *Translator, i *Item) bool
}

// Ended is a flow that has ended, or a part of one.
type Ended struct {
	flow.Record
	Hello *clienthello.Hello // nil if it is not known
}

// Refusal is a connection that the firewall has refused.
type Refusal struct{ firewall.Verdict }

// Check is the verdict on a check of the verification.
type Check struct {
	Vif   string // the interface of the qube
	ID    string // such as VPN-4
	Fails bool
}

// observe implements [Other]: what a check says is no observation of its own.
func (*Check) observe(*Translator, *Item) bool { return false }
