package dnsevent

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// Entry is the record of a query, or of several that were dropped.
type Entry struct {
	Outcome
	At            int64 // arrival: nanoseconds since the Unix epoch
	Duration      int64 // until it was answered, in nanoseconds
	From          netip.AddrPort
	Local         netip.AddrPort // destination of the query; invalid if unknown
	Iface         uint32         // index of the interface, 0 if unknown
	TCP           bool
	ID            uint16
	Flags         uint16 // of the query's header
	Opcode        uint8
	Type          dnsmsg.Type
	Class         dnsmsg.Class
	EDNS          bool
	DO            bool
	ECS           bool       // the query had a client subnet option, which is not forwarded
	UDPSize       uint16     // of the query's OPT record
	Version       uint64     // of the policy snapshot
	UpstreamGroup string     // its name
	Qube          *qube.Qube // nil if the inventory does not know the client
	Size          int        // of the query, in bytes
	ReplyLen      int        // of the answer, in bytes; 0 if there was none
	Count         uint32     // of queries; above 1 only for those over the rate limit

	// Name is the name of the question in wire form, as the client wrote it, empty if
	// it could not be read. Reply is the answer, cut off at [MaxReply]. The entries
	// that [Queue.Pop] returns own both until they are passed to it again.
	Name, Reply []byte

	buf []byte // of Name and Reply
}

// Claimant returns the class of the client for what is shared: its interface or, if
// that is not known, its address.
func (e *Entry) Claimant() share.Class { return share.Of(e.Iface, e.From.Addr()) }

// MaxReply is how many bytes of an answer an entry in a [Queue] holds.
const MaxReply = 2048
