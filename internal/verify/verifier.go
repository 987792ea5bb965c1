package verify

import (
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Config holds the settings of a [Verifier].
type Config struct {
	// World finds qubes. It must not be nil.
	World World
	// Report is called with each change of a verdict, with each fail at once, and with
	// each verdict every Period. It must not call the verifier. It may be nil.
	Report func(*Result)
	// Window is for how long a pass lasts after the last packet that agrees, and how long
	// ago packets must not have been lost. 0 for 15 minutes.
	Window time.Duration
	// Hold is how long a fail lasts after the last packet against. 0 for 24 hours.
	Hold time.Duration
	// Period is the time between two reports of a verdict that does not change. 0 for 15
	// minutes.
	Period time.Duration
	// Fold is the time between two alerts of a fail that goes on. 0 for an hour.
	Fold time.Duration
	// Unordered says that a packet may come before another one with an earlier time, as in files with
	// several interfaces: then what leaves is remembered for a moment, which costs time for each packet.
	Unordered bool
}

// Stats counts what the verifier has seen: Packets = Agree + Against + Own + NotJudged.
type Stats struct {
	Packets   uint64 // from qubes
	Agree     uint64
	Against   uint64
	Own       uint64 // that a qube may send beside its tunnel
	NotJudged uint64 // nothing is expected of the qube, or of such packets
	Others    uint64 // to qubes, and on other interfaces
	Lost      uint64 // that the capture has lost
	Untraced  uint64 // that were to be followed, and were not for want of room
	Evicted   uint64 // subjects
	Subjects  int
	Reports   [Verdicts]uint64
	Alerts    uint64
}

// Verifier keeps evidence. It is not safe for concurrent use.
type Verifier struct {
	conf    Config
	env     *Environment
	window  int64
	hold    int64
	period  int64
	foldFor int64

	now     int64 // own time: that of the packets, and never goes back
	shift   int64 // own time minus packet time
	due     int64 // own time of the next sweep
	woke    int64 // own time of the end of the last gap
	asleep  int64 // all gaps together
	lost    int64 // own time of the last loss, 0 for none
	heard   heard
	outward int64 // own time of the last packet of a qube that was looked at and should leave by the uplink, 0 for none

	epoch     uint32 // ends with what was known of conversations; of a memo and, in part, of a Note
	world     uint64 // epoch of the world
	accounts  *accounts
	counting  counting
	waiting   int                 // questions of all subjects without an answer so far
	subjects  map[uint32]*subject // vifs
	named     map[string]*subject // qubes in a capture without names of interfaces
	others    map[uint32]bool     // interfaces that are no vifs
	self      *subject
	points    [pointSlots]point
	holders   holders
	nameless  bool // one of the points is, or was
	sequenced sequenced
	tracer    tracer
	flow      flow.Ref // of the packet that is being judged
	following following
	reached   reached
	recent    recent
	arrivals  arrivals
	print     imprint // of the packet that is being judged
	dns       recentDNS
	relayed   arrivals // packets of DNS that qubes have sent to the outside
	probes    probes
	claims    externals
	seen      externals
	ruleset   rulesetState
	stats     Stats
}

// New returns a verifier that expects nothing.
func New(c Config) *Verifier {
	v := &Verifier{conf: c, env: &Environment{}, subjects: map[uint32]*subject{}, named: map[string]*subject{}, others: map[uint32]bool{},
		window: orDefault(c.Window, 15*time.Minute), hold: orDefault(c.Hold, 24*time.Hour), period: orDefault(c.Period, 15*time.Minute),
		foldFor: orDefault(c.Fold, time.Hour), self: &subject{domain: qube.NoDomain, traffic: new(traffic)}, epoch: 1, accounts: new(accounts),
		arrivals: arrivals{within: traceFor}, relayed: arrivals{within: relayedFor}}
	v.tracer.init()
	return v
}

func orDefault(d, usual time.Duration) int64 {
	if d <= 0 {
		d = usual
	}
	return int64(d)
}

// SetEnvironment replaces what packets do not show. e must not be nil, and must not change
// afterwards.
func (v *Verifier) SetEnvironment(e *Environment) {
	if !slices.Equal(v.env.Upstreams, e.Upstreams) {
		v.self.records[DNS2].forgetAgreed()
	}
	v.env = e
	v.ruleset.take(e.Ruleset, v.now)
	v.forget()
	for _, s := range v.all() {
		s.looked = 0
	}
}

// Lost notes that the capture has lost n packets since the last call.
func (v *Verifier) Lost(n uint64) {
	if n == 0 {
		return
	}
	v.stats.Lost += n
	v.lost = max(v.now, 1)
}

// Tick says that the packets' clock shows at, in nanoseconds since the Unix epoch, and no
// packet has come.
func (v *Verifier) Tick(at int64) {
	v.advance(at)
	v.renewIfDue()
	v.sweepIfDue()
}

// maxReorder is by how much packets may be out of order. A larger step back means that the
// clock was set.
const maxReorder = int64(time.Second)

// maxGap is the longest time without a packet or a tick in which tunnels go on. A longer one
// is a machine that was suspended, or a clock that was set.
const maxGap = int64(30 * time.Second)

// advance moves own time to the time of a packet.
func (v *Verifier) advance(at int64) {
	switch own := at + v.shift; {
	case own >= v.now:
		if own-v.now > maxGap {
			v.woke = own
			v.asleep += own - v.now
		}
		v.now = own
	case v.now-own > maxReorder:
		v.shift = v.now - at
	}
}

// awake returns own time without its gaps.
func (v *Verifier) awake() int64 { return v.now - v.asleep }

// packet judges a packet that was decoded from frame, and does not allocate for one that agrees.
//
// note is that on the packet's flow: the verifier reads and writes it, and it is 0 when
// the flow begins. back tells the two directions of a flow apart. note is nil if the flow is not
// known, and for fragments and packets in a tunnel.
func (v *Verifier) packet(p *packet.Packet, frame []byte, note *Note, back bool) {
	v.advance(p.Time)
	v.renewIfDue()
	if p.Outer.Kind != packet.TunnelNone {
		outer := *p
		outer.TakeOuter() // a qube may write inside what it likes
		p = &outer
	}
	found := v.take(p, frame, note)
	if note != nil {
		v.write(note, p, back, found)
	}
	v.sweepIfDue()
}

// take judges a packet. note may be nil.
func (v *Verifier) take(p *packet.Packet, frame []byte, note *Note) settledPacket {
	at := &v.points[p.Iface%pointSlots]
	if !at.known || at.iface != p.Iface {
		v.lookUp(at, p)
	}
	s, from := v.subjectOf(at, p)
	if s == nil {
		v.stats.Others++
		v.elsewhere(at, p, frame)
		upstream := len(v.env.Upstreams) != 0 && isDNS(p)
		return settledPacket{settled: !upstream, looked: learnFrom, account: at.account}
	}
	if v.now-s.looked >= refreshEvery || s.looked == 0 {
		v.refresh(s, p.Time)
	}
	if from {
		v.stats.Packets++
		return v.fromQube(s, p, frame, note)
	}
	v.stats.Others++
	return v.toQube(s, p, frame)
}

// all returns all subjects, this machine included, in no order.
func (v *Verifier) all() []*subject {
	list := make([]*subject, 0, len(v.subjects)+len(v.named)+1)
	list = append(list, v.self)
	for _, s := range v.subjects {
		list = append(list, s)
	}
	for _, s := range v.named {
		list = append(list, s)
	}
	return list
}

// Stats returns the counters.
func (v *Verifier) Stats() Stats {
	s := v.stats
	others, ofQubes := v.accounts.sum()
	s.Others += others
	s.Packets += ofQubes
	s.NotJudged += ofQubes
	s.Subjects = len(v.subjects) + len(v.named)
	s.Untraced = v.tracer.full
	return s
}
