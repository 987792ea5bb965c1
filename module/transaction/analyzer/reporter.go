package analyzer

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/pb"
	"github.com/elastic/beats/v7/packetbeat/publish"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// reporterConfig holds the settings of a reporter.
type reporterConfig struct {
	// send sends an event to the beat before it returns. It reports false if the event
	// cannot be sent.
	send func(*wire.Event) bool
	// local returns the present addresses of this machine; nil says that none is
	// known, as in a replay.
	local func() []net.IP
	// internalNetworks is packetbeat's interfaces.internal_networks.
	internalNetworks []string
	// ignoreOutgoing drops the events of this machine's own requests.
	ignoreOutgoing bool
}

// reporter adds packetbeat's common fields to the events of the analyzers and
// sends them to the beat. It is safe for concurrent use.
type reporter struct {
	cfg     reporterConfig
	origins *origins
	hello   func() *hello // of the connection that is being analyzed; only for its goroutine

	mu sync.Mutex // one event at a time

	reported, sent, outgoing, invalid atomic.Uint64
}

func newReporter(cfg reporterConfig, o *origins, currentHello func() *hello) *reporter {
	return &reporter{cfg: cfg, origins: o, hello: currentHello}
}

// CreateReporter implements the factory from which packetbeat's analyzers get the
// function for their events.
func (r *reporter) CreateReporter(cfg *conf.C) (func(beat.Event), error) {
	var section struct {
		Number   int  `config:"_section"`
		KeepNull bool `config:"keep_null"`
	}
	if err := cfg.Unpack(&section); err != nil {
		return nil, err
	}
	// The analyzers use types of their own for text: the conversion makes it text.
	convert := common.NewGenericEventConverter(section.KeepNull, logp.NewNopLogger())
	return func(e beat.Event) { r.report(e, section.Number, convert) }, nil
}

// report is called by the analyzers, some of which hold a lock.
func (r *reporter) report(e beat.Event, section int, convert *common.GenericEventConverter) {
	r.reported.Add(1)
	if e.Fields["type"] == "tls" {
		r.hello().addTo(&e)
	}
	w := wire.Event{Section: section, Timestamp: e.Timestamp.UnixNano()}
	r.locate(&e, &w)
	r.mu.Lock()
	defer r.mu.Unlock()
	send, err := r.complete(&e)
	if err != nil {
		r.invalid.Add(1)
		return
	}
	if !send {
		r.outgoing.Add(1)
		return
	}
	if w.Fields = convert.Convert(e.Fields); !r.cfg.send(&w) {
		r.invalid.Add(1)
		return
	}
	r.sent.Add(1)
}

// complete adds packetbeat's common fields. It reports false for an event that is
// not to be published.
func (r *reporter) complete(e *beat.Event) (send bool, err error) {
	if err := validate(e); err != nil {
		return false, err
	}
	var local []net.IP
	if r.cfg.local != nil {
		local = r.cfg.local()
	}
	fields, err := publish.MarshalPacketbeatFields(e, local, r.cfg.internalNetworks)
	if err != nil {
		return false, err
	}
	return !r.cfg.ignoreOutgoing || fields == nil || fields.Network.Direction != pb.Egress, nil
}

// validate checks what packetbeat requires of every event.
func validate(e *beat.Event) error {
	if e.Timestamp.IsZero() {
		return errors.New("event without a time")
	}
	if _, ok := e.Fields["type"].(string); !ok {
		return errors.New("event without a type")
	}
	return nil
}

// locate fills in where the conversation behind an event was observed.
func (r *reporter) locate(e *beat.Event, w *wire.Event) {
	f, err := pb.GetFields(e.Fields)
	if err != nil || f == nil || f.Source == nil || f.Destination == nil {
		return
	}
	k, ok := keyOf(f)
	if !ok {
		return
	}
	at, found := r.origins.lookup(k)
	if !found {
		// An IPv4-mapped address looks like an IPv4 address in an event.
		at, _ = r.origins.lookup(k.Mapped())
	}
	w.Known, w.Iface, w.From = true, at.iface, uint8(at.direction)
	w.Source, w.Dest = k.Src.Netip(k.Family).String(), k.Dst.Netip(k.Family).String()
}

// keyOf returns the flow key from the source to the destination of an event.
func keyOf(f *pb.Fields) (k feed.Key, ok bool) {
	src, err1 := netip.ParseAddr(f.Source.IP)
	dst, err2 := netip.ParseAddr(f.Destination.IP)
	if err1 != nil || err2 != nil || src.Is4() != dst.Is4() {
		return k, false
	}
	k.Src, k.Family = packet.AddrFrom(src)
	k.Dst, _ = packet.AddrFrom(dst)
	k.SrcPort, k.DstPort = uint16(f.Source.Port), uint16(f.Destination.Port)
	return k, true
}

// stats returns the counters.
func (r *reporter) stats() wire.ReporterStats {
	return wire.ReporterStats{Reported: r.reported.Load(), Sent: r.sent.Load(), Outgoing: r.outgoing.Load(), Invalid: r.invalid.Load()}
}
