package dnspolicy

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Config is what snapshots are made of.
type Config struct {
	Rules     []Rule
	Lists     []List
	Schedules map[string]*Schedule
	Block     Block // where no rule says otherwise
	AllowOnly bool
	Isolate   bool
	Rebinding bool
	FQDNOnly  bool
	Types     []dnsmsg.Type
	Upstreams []string // the groups; the first one is for those without another
}

// State is what makes one snapshot differ from the next.
type State struct {
	// Version numbers the snapshots; the caller counts.
	Version uint64
	Table   *blocklist.Table // rules of the lists; nil for none
	Qubes   []*qube.Qube
	Now     time.Time // by which schedules hold
	Pauses  []Pause   // during which blocking is off
	// Seed makes [Client.Isolation] unpredictable. It has to be the same for all
	// snapshots whose clients share a cache; the zero value means a seed of its own.
	Seed maphash.Seed
}

// Policy is what holds for some qubes. It is shared and must not be changed.
type Policy struct {
	ID            uint16
	Lists         []*List // those that are on schedule and not paused
	Upstream      int     // position in Config.Upstreams
	UpstreamGroup string  // its name
	AllowOnly     bool
	Isolate       bool
	Rebinding     bool
	FQDNOnly      bool
	Types         []dnsmsg.Type
	Block         *Block

	deny, allow blocklist.Set
}

// Client is the querying qube and its policy.
type Client struct {
	Qube   *qube.Qube // nil if the inventory does not know the client
	Policy *Policy
	// Isolation is the part of a cache key that keeps the qube's answers apart from
	// those of others, 0 if its policy does not ask for that.
	Isolation uint64
}

// Snapshot is what holds at a moment. It is safe for concurrent use.
type Snapshot struct {
	Version  uint64
	Table    *blocklist.Table
	conf     *Config
	state    State
	policies map[string]*Policy // guarded by mu once the snapshot is made
	clients  map[netip.Addr]*Client
	owner    map[blocklist.Source]*List

	mu      sync.RWMutex
	unknown map[netip.Addr]*Client // guarded by mu
}

func (s *Snapshot) newClient(q *qube.Qube, p *Policy, name string) *Client {
	c := &Client{Qube: q, Policy: p}
	if p.Isolate {
		c.Isolation = max(1, maphash.String(s.state.Seed, name))
	}
	return c
}

// New makes a snapshot.
func (c *Config) New(st State) *Snapshot {
	if st.Seed == (maphash.Seed{}) {
		st.Seed = maphash.MakeSeed()
	}
	s := &Snapshot{Version: st.Version, Table: st.Table, conf: c, state: st, policies: map[string]*Policy{},
		clients: map[netip.Addr]*Client{}, unknown: map[netip.Addr]*Client{}, owner: map[blocklist.Source]*List{}}
	for i := range c.Lists {
		for _, n := range slices.Concat(c.Lists[i].Deny, c.Lists[i].Except, c.Lists[i].Allow) {
			s.owner[n] = &c.Lists[i]
		}
	}
	for _, q := range st.Qubes {
		client := s.newClient(q, s.policy(q, netip.Addr{}), q.Name)
		for _, a := range []netip.Addr{q.IP, q.IP6} {
			if a.IsValid() {
				s.clients[a] = client
			}
		}
	}
	return s
}

// maxUnknown bounds the clients that the inventory does not know.
const maxUnknown = 4096

// Client returns who has an address. It is never nil.
func (s *Snapshot) Client(a netip.Addr) *Client {
	if c, ok := s.clients[a]; ok {
		return c
	}
	s.mu.RLock()
	c, ok := s.unknown[a]
	s.mu.RUnlock()
	if ok {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unknown) >= maxUnknown {
		clear(s.unknown)
	}
	c = s.newClient(nil, s.policy(nil, a), a.String())
	s.unknown[a] = c
	return c
}

// ByName returns the client that a qube is, nil where there is no such qube.
func (s *Snapshot) ByName(name string) *Client {
	for _, q := range s.state.Qubes {
		if q.Name == name {
			if c := s.clients[q.IP]; c != nil {
				return c
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.newClient(q, s.policy(q, netip.Addr{}), q.Name)
		}
	}
	return nil
}

// rules returns the rules for a qube, in order: those that name it, and then
// those without selectors.
func (s *Snapshot) rules(q *qube.Qube, a netip.Addr) (list []*Rule) {
	for _, general := range []bool{false, true} {
		for i := range s.conf.Rules {
			r := &s.conf.Rules[i]
			if r.general() == general && (general || r.meets(q, a)) && s.holds(r.Schedule) {
				list = append(list, r)
			}
		}
	}
	return list
}

func (s *Snapshot) holds(schedule string) bool {
	sch := s.conf.Schedules[schedule]
	return sch == nil || sch.Holds(s.state.Now)
}

// policy makes the policy of a qube, or returns that of another with the same.
func (s *Snapshot) policy(q *qube.Qube, a netip.Addr) *Policy {
	c := s.conf
	p := &Policy{AllowOnly: c.AllowOnly, Isolate: c.Isolate, Rebinding: c.Rebinding, FQDNOnly: c.FQDNOnly, Types: c.Types, Block: &c.Block}
	set := s.applyRules(p, q, a)
	if set.AllowOnly != nil {
		p.AllowOnly = *set.AllowOnly || p.AllowOnly
	}
	override(&p.Isolate, set.Isolate)
	override(&p.Rebinding, set.Rebinding)
	override(&p.FQDNOnly, set.FQDNOnly)
	if s.paused("", name(q)) {
		p.AllowOnly = false
	}
	if set.Block != nil {
		p.Block = set.Block
	}
	if set.Types != nil {
		p.Types = set.Types
	}
	p.Upstream = max(0, slices.Index(c.Upstreams, set.Upstream))
	p.UpstreamGroup = c.Upstreams[p.Upstream]
	return s.same(p)
}

// override sets a value unless from is nil.
func override(to, from *bool) {
	if from != nil {
		*to = *from
	}
}

// applyRules adds the lists of a qube to its policy. It returns the other settings
// of its rules: each from the first rule that has it.
func (s *Snapshot) applyRules(p *Policy, q *qube.Qube, a netip.Addr) (set Rule) {
	named := false // a rule that names the qube says which lists it has
	for _, r := range s.rules(q, a) {
		if named = named || r.Lists != nil && !r.general(); !named || !r.general() {
			s.addLists(p, r, q)
		}
		first(&set.AllowOnly, r.AllowOnly)
		first(&set.Isolate, r.Isolate)
		first(&set.Rebinding, r.Rebinding)
		first(&set.FQDNOnly, r.FQDNOnly)
		first(&set.Block, r.Block)
		if set.Types == nil {
			set.Types = r.Types
		}
		if set.Upstream == "" {
			set.Upstream = r.Upstream
		}
	}
	return set
}

// paused reports whether a pause covers a list of a qube. The list "" stands for all
// of blocking.
func (s *Snapshot) paused(list, qube string) bool {
	return slices.ContainsFunc(s.state.Pauses, func(p Pause) bool { return p.covers(list, qube) })
}

func name(q *qube.Qube) string {
	if q == nil {
		return ""
	}
	return q.Name
}

// first sets what is not set yet.
func first[T any](to **T, from *T) {
	if *to == nil {
		*to = from
	}
}

// addLists adds the lists of a rule whose schedules hold and that are not paused.
func (s *Snapshot) addLists(p *Policy, r *Rule, q *qube.Qube) {
	for _, want := range r.Lists {
		i := slices.IndexFunc(s.conf.Lists, func(l List) bool { return l.Name == want })
		if i < 0 {
			continue // the configuration has been checked
		}
		l := &s.conf.Lists[i]
		if slices.Contains(p.Lists, l) || !s.holds(l.Schedule) || s.paused(l.Name, name(q)) {
			continue
		}
		p.Lists = append(p.Lists, l)
		p.AllowOnly = p.AllowOnly || l.AllowOnly
		for _, n := range l.Deny {
			p.deny.Add(n)
		}
		for _, n := range l.Allow {
			p.allow.Add(n)
		}
	}
}

// same returns the policy that is equal to p, so that there are few of them.
func (s *Snapshot) same(p *Policy) *Policy {
	key := fmt.Sprint(p.Upstream, p.AllowOnly, p.Isolate, p.Rebinding, p.FQDNOnly, p.Types, *p.Block, p.deny, p.allow, len(p.Lists))
	if have := s.policies[key]; have != nil {
		return have
	}
	p.ID = uint16(len(s.policies) + 1)
	s.policies[key] = p
	return p
}
