package beater

import (
	"net"
	"net/netip"
	"sync"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/procs"
	"github.com/elastic/beats/v7/packetbeat/protos/applayer"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/netstate"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// processes finds the processes behind this machine's own connections, with
// packetbeat's search. A search reads much of /proc, so it runs in a goroutine of
// its own; and it must run while the connection lives, so it begins with the
// first packet and not, as packetbeat's does, with the report of the flow.
//
// It is a tap of the meter: Packet and Close are for the meter's goroutine, addTo
// is for that of the publisher.
type processes struct {
	watcher *procs.ProcessesWatcher
	wanted  chan conversation
	done    sync.WaitGroup

	local *netstate.Addresses

	mu    sync.Mutex
	found map[conversation]*common.ProcessTuple // nil: on its way
	old   map[conversation]*common.ProcessTuple
}

// conversation is what a search goes by.
type conversation struct {
	src, dst netip.AddrPort
	udp      bool
}

// How many conversations are remembered, in each of two maps, and how many may
// wait for the search.
const (
	maxConversations = 4096
	maxSearches      = 64
)

func newProcesses(w *procs.ProcessesWatcher) *processes {
	p := &processes{watcher: w, wanted: make(chan conversation, maxSearches),
		local: netstate.NewAddresses(netstate.AddressesConfig{}), found: map[conversation]*common.ProcessTuple{}}
	p.done.Go(p.search)
	return p
}

// Packet begins the search for a new conversation of this machine.
func (p *processes) Packet(k *packet.Packet, _ []byte) {
	if !k.HasL4 || k.Proto != packet.ProtoTCP && k.Proto != packet.ProtoUDP {
		return
	}
	src, dst := k.Src.Netip(k.Family), k.Dst.Netip(k.Family)
	if !p.local.Local(src) && !p.local.Local(dst) {
		return
	}
	c := conversation{netip.AddrPortFrom(src, k.SrcPort), netip.AddrPortFrom(dst, k.DstPort), k.Proto == packet.ProtoUDP}
	if p.knows(c) || p.knows(c.reverse()) {
		return
	}
	select {
	case p.wanted <- c:
		p.put(c, nil)
	default: // the search is busy; the next packet tries again
	}
}

// Close implements the end of a tap.
func (p *processes) Close() {
	close(p.wanted)
	p.done.Wait()
}

func (p *processes) search() {
	for c := range p.wanted {
		p.put(c, p.find(c))
	}
}

// find asks packetbeat's watcher.
func (p *processes) find(c conversation) *common.ProcessTuple {
	transport := applayer.TransportTCP
	if c.udp {
		transport = applayer.TransportUDP
	}
	tuple := common.NewIPPortTuple(len(c.src.Addr().AsSlice()), net.IP(c.src.Addr().AsSlice()), c.src.Port(),
		net.IP(c.dst.Addr().AsSlice()), c.dst.Port())
	return p.watcher.FindProcessesTuple(&tuple, transport)
}

func (c conversation) reverse() conversation { return conversation{c.dst, c.src, c.udp} }

func (p *processes) knows(c conversation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, young := p.found[c]
	_, old := p.old[c]
	return young || old
}

func (p *processes) put(c conversation, t *common.ProcessTuple) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.found) >= maxConversations {
		p.old, p.found = p.found, map[conversation]*common.ProcessTuple{}
	}
	p.found[c] = t
}

// addTo fills the processes of a flow, where they are known.
func (p *processes) addTo(f *event.Flow) {
	if f.Proto != packet.ProtoTCP && f.Proto != packet.ProtoUDP {
		return
	}
	c := conversation{endpoint(&f.Source, f.Family), endpoint(&f.Destination, f.Family), f.Proto == packet.ProtoUDP}
	if t := p.get(c); t != nil {
		f.SourceProcess, f.DestinationProcess = process(&t.Src), process(&t.Dst)
	} else if t := p.get(c.reverse()); t != nil {
		f.SourceProcess, f.DestinationProcess = process(&t.Dst), process(&t.Src)
	}
}

func (p *processes) get(c conversation) *common.ProcessTuple {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.found[c]; t != nil {
		return t
	}
	return p.old[c]
}

func endpoint(e *flow.Endpoint, family uint8) netip.AddrPort {
	return netip.AddrPortFrom(e.Addr.Netip(family), e.Port)
}

// process translates what packetbeat has found, nil where it is nothing.
func process(p *common.Process) *event.Process {
	if p.PID == 0 {
		return nil
	}
	return &event.Process{PID: p.PID, PPID: p.PPID, Name: p.Name, Args: p.Args, Executable: p.Exe, Directory: p.CWD, Start: p.StartTime}
}
