package procs

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/elastic/beats/v7/libbeat/common"
	pbprocs "github.com/elastic/beats/v7/packetbeat/procs"
	"github.com/elastic/beats/v7/packetbeat/protos/applayer"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Searcher finds the processes of connections. A search reads much of /proc, so it
// runs in another goroutine; and it must run while the connection lives, so it
// starts with the first packet and not, as packetbeat's does, with the report of
// the flow.
//
// It is a packet observer: Packet and Close are for the meter's goroutine, AddTo may
// be called from any.
type Searcher struct {
	watcher *pbprocs.ProcessesWatcher
	guard   *guard.Part // recovers from panics at one search; may be nil
	local   func(netip.Addr) bool
	wanted  chan conversation
	done    sync.WaitGroup

	mu    sync.Mutex
	found map[conversation]*common.ProcessTuple // guarded by mu; nil values: being searched
	old   map[conversation]*common.ProcessTuple // guarded by mu
}

// conversation is what is searched for.
type conversation struct {
	src, dst netip.AddrPort
	udp      bool
}

func (c conversation) reverse() conversation { return conversation{c.dst, c.src, c.udp} }

// The bounds of a searcher: the conversations in each of two maps, and those that
// wait for the search.
const (
	maxConversations = 4096
	maxSearches      = 64
)

// New returns a searcher that is running, for a section `procs` of packetbeat that is
// enabled. local reports whether an address is one of this machine; it must not
// be nil; part may.
func New(conf pbprocs.ProcsConfig, local func(netip.Addr) bool, part *guard.Part) (*Searcher, error) {
	watcher := new(pbprocs.ProcessesWatcher)
	if err := watcher.Init(conf); err != nil {
		return nil, fmt.Errorf("reading the configuration: procs: %w", err)
	}
	return start(watcher, local, part), nil
}

func start(watcher *pbprocs.ProcessesWatcher, local func(netip.Addr) bool, part *guard.Part) *Searcher {
	s := &Searcher{watcher: watcher, guard: part, local: local, wanted: make(chan conversation, maxSearches),
		found: map[conversation]*common.ProcessTuple{}}
	s.done.Go(s.search)
	return s
}

// Packet starts the search for a new conversation of this machine.
func (s *Searcher) Packet(p *packet.Packet, _ []byte) {
	if !p.HasL4 || p.Proto != packet.ProtoTCP && p.Proto != packet.ProtoUDP {
		return
	}
	src, dst := p.Src.Netip(p.Family), p.Dst.Netip(p.Family)
	if !s.local(src) && !s.local(dst) {
		return
	}
	c := conversation{netip.AddrPortFrom(src, p.SrcPort), netip.AddrPortFrom(dst, p.DstPort), p.Proto == packet.ProtoUDP}
	if s.has(c) || s.has(c.reverse()) {
		return
	}
	select {
	case s.wanted <- c:
		s.put(c, nil)
	default: // the search is busy; the next packet tries again
	}
}

// Close waits for the searches that are under way. Packet must not be called after
// it.
func (s *Searcher) Close() {
	close(s.wanted)
	s.done.Wait()
}

func (s *Searcher) search() {
	for c := range s.wanted {
		_ = s.guard.Do(c.bytes, func() { s.put(c, s.find(c)) })
	}
}

// bytes describes a conversation.
func (c conversation) bytes() []byte { return fmt.Appendf(nil, "%v %v udp=%v", c.src, c.dst, c.udp) }

// find asks packetbeat's watcher.
func (s *Searcher) find(c conversation) *common.ProcessTuple {
	transport := applayer.TransportTCP
	if c.udp {
		transport = applayer.TransportUDP
	}
	tuple := common.NewIPPortTuple(len(c.src.Addr().AsSlice()), net.IP(c.src.Addr().AsSlice()), c.src.Port(),
		net.IP(c.dst.Addr().AsSlice()), c.dst.Port())
	return s.watcher.FindProcessesTuple(&tuple, transport)
}

// has reports whether a conversation was found or is being searched for.
func (s *Searcher) has(c conversation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, young := s.found[c]
	_, old := s.old[c]
	return young || old
}

func (s *Searcher) put(c conversation, t *common.ProcessTuple) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.found) >= maxConversations {
		s.old, s.found = s.found, map[conversation]*common.ProcessTuple{}
	}
	s.found[c] = t
}

// get returns the processes of a conversation, nil if they are not known.
func (s *Searcher) get(c conversation) *common.ProcessTuple {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.found[c]; t != nil {
		return t
	}
	return s.old[c]
}

// AddTo fills in the processes of a flow, as far as they are known.
func (s *Searcher) AddTo(f *event.Flow) {
	if f.Proto != packet.ProtoTCP && f.Proto != packet.ProtoUDP {
		return
	}
	c := conversation{endpoint(&f.Source, f.Family), endpoint(&f.Destination, f.Family), f.Proto == packet.ProtoUDP}
	if t := s.get(c); t != nil {
		f.SourceProcess, f.DestinationProcess = process(&t.Src), process(&t.Dst)
	} else if t := s.get(c.reverse()); t != nil {
		f.SourceProcess, f.DestinationProcess = process(&t.Dst), process(&t.Src)
	}
}

func endpoint(e *flow.Endpoint, family uint8) netip.AddrPort {
	return netip.AddrPortFrom(e.Addr.Netip(family), e.Port)
}

// process translates what packetbeat has found, nil if it has found nothing.
func process(p *common.Process) *event.Process {
	if p.PID == 0 {
		return nil
	}
	return &event.Process{PID: p.PID, PPID: p.PPID, Name: p.Name, Args: p.Args, Executable: p.Exe, Directory: p.CWD, Start: p.StartTime}
}
