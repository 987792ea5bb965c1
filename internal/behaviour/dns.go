package behaviour

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/names"
)

// asked judges a query or a response.
func (e *Engine) asked() {
	q := e.obs.Query
	if q == nil {
		return
	}
	q.Seed, q.World = e.conf.Key[0], e.obs.Place == World
	s := e.cur
	if s.resolves == 0 {
		s.resolves = e.obs.At
	}
	if q.Domain != "" && !q.Response {
		s.asked.add(e.net)
	}
	if q.Response {
		e.resolvedBy()
	}
	e.generated(q)
	e.zone(q)
	w, _ := e.windows.add(s.id, e.windowOf())
	if w == nil {
		return
	}
	if !q.Response && q.Sub() != "" && w.samples[w.at] == "" {
		w.samples[w.at] = q.Name
		w.at = (w.at + 1) % uint8(len(w.samples))
	}
	begun := w.Begun()
	shape := w.Add(q)
	if w.Begun() != begun {
		e.stats.WindowsBegun++
	}
	if shape != names.NoShape {
		e.tunnel(w, shape, q)
	}
	if !w.Reported() && q.Carries() {
		e.slowly(q)
	}
}

// resolvedBy remembers the server that has answered a query.
func (e *Engine) resolvedBy() {
	if e.obs.Place == World {
		return
	}
	if server, known := e.hashAddr(e.obs.Addr, false), &e.cur.resolver; server != known[0] {
		known[0], known[1] = server, known[0]
	}
}

// directory reports whether a service of a neighbour is one that the members of a domain use all the time of
// the host that answers their queries: its controller.
func (e *Engine) directory() bool {
	switch e.obs.Port {
	case 135, 139, 445:
		return slices.Contains(e.cur.resolver[:], e.hashAddr(e.obs.Addr, false))
	}
	return false
}

// zone makes the zone of a name the current domain.
func (e *Engine) zone(q *names.Query) {
	if zone := names.Zone(q.Name, q.Domain, q.Suffix); zone != q.Domain {
		q.Domain, e.obs.Domain = zone, zone
		e.net = e.hashOf(e.obs)
	}
}

// windowOf returns the key of the window of the current domain.
func (e *Engine) windowOf() uint64 { return e.keyed(e.net, 0xd5) }

// used counts a new connection with a host whose name the current subject has asked for.
func (e *Engine) used() {
	o := e.obs
	if o.Domain == "" || o.Midstream || o.Port == 53 {
		return
	}
	w := e.windows.find(e.windowOf())
	if w == nil && o.Domain == o.Name { // without a registered domain, perhaps
		zone := names.Zone(o.Name, o.Name, false)
		w = e.windows.find(e.keyed(siphash(e.conf.Key[0], e.conf.Key[1], zone), 0xd5))
	}
	if w != nil {
		w.Use(o.Name, e.conf.Key[0])
		w.UseAddr(names.AddrHash(o.Addr, e.conf.Key[0]))
	}
}

// hasAsked reports whether the current subject has asked for a domain lately.
func (e *Engine) hasAsked(domain string) bool {
	return e.cur.asked.has(siphash(e.conf.Key[0], e.conf.Key[1], domain))
}

// tunnel reports names that carry data.
func (e *Engine) tunnel(w *window, shape names.Shape, q *names.Query) {
	o := e.obs
	o.Name = q.Domain
	f := &Finding{Rule: DNSTunnel, Way: shape.String(), Level: Medium, Score: w.Score(shape), dest: e.net, Beats: 0,
		BytesUp: uint64(w.Up()), BytesDown: w.Down(), NoveltyBits: e.cur.base.Surprise(baseline.Destination)}
	if shape == names.Volume || shape == names.Types {
		f.Level = High
	}
	if e.known(baseline.Destination, e.net) {
		f.Level = f.Level.down()
		f.Evidence = append(f.Evidence, "the qube has used the domain before")
	} else {
		f.Score += 0.15
	}
	e.excused(f, w, shape, q)
	f.Evidence = append(f.Evidence, fmt.Sprintf("%d queries, %d names, %.1f bits a character", w.Queries(), w.Names(), w.Entropy()))
	for _, name := range w.samples[:min(e.conf.Samples, len(w.samples))] {
		if name != "" {
			f.Names = append(f.Names, name)
		}
	}
	w.samples, w.at = [3]string{}, 0
	f.Reason = fmt.Sprintf("%s sends data in names below %s: %d characters in %d names within an hour%s", e.who(), below(q.Domain), w.Up(), w.Names(), tail(f.Evidence))
	e.report(f)
}

// excused lowers a finding about names that have another reason than a tunnel.
func (e *Engine) excused(f *Finding, w *window, shape names.Shape, q *names.Query) {
	switch {
	case (shape == names.Volume || shape == names.Slow) && w.Used():
		f.Level = Low
		f.Evidence = append(f.Evidence, "the qube connects to what it asks for")
	case shape == names.Volume && w.Near():
		f.Level = Low
		f.Evidence = append(f.Evidence, "private addresses answer")
	case w.Nowhere():
		f.lower("none of the names exists")
		if q.Local() { // a laptop outside of its network asks for all that it needs there
			f.Level = Low
		}
	case shape == names.Slow && e.cur.contacts[0].at == 0 && w.Answered():
		f.Level = Low
		f.Evidence = append(f.Evidence, "addresses answer, and no connection is seen at all")
	}
}

// below returns what a name is below, for a sentence.
func below(domain string) string {
	if domain == names.Root {
		return "no domain"
	}
	return domain
}

// generated reports domains that look generated.
func (e *Engine) generated(q *names.Query) {
	s := e.cur
	signs, odd, found := s.generated.Add(q)
	if odd {
		if name := cmp.Or(q.Chosen(), q.Domain); s.oddNames[(s.oddAt+3)%4] != name {
			s.oddNames[s.oddAt%4] = name
			s.oddAt = (s.oddAt + 1) % 4
		}
	}
	if !found {
		return
	}
	f := &Finding{Rule: DGA, Level: Medium, Score: min(1, 0.5+float64(signs.Odd+signs.Unknown)/40)}
	switch {
	case signs.Weak() || !q.Suffix: // a resolver blocks some, or a laptop is not in its network
		f.Level = Low
	case signs.Unknown >= 20 || signs.Odd >= 10:
		f.Level = High
	}
	for _, name := range s.oddNames[:min(e.conf.Samples, 4)] {
		if name != "" {
			f.Names = append(f.Names, name)
		}
	}
	f.Reason = fmt.Sprintf("%s asks for domains that look generated: of %d within %s, %d are odd and %d do not exist", e.who(), signs.Domains,
		seconds(signs.Span), signs.Odd, signs.Unknown)
	if len(f.Names) > 0 { // none is kept over a restart
		f.Reason += " (" + strings.Join(f.Names, ", ") + ")"
	}
	e.report(f)
}
