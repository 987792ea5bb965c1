package evaluate

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect"
)

// Past is what a qube with one purpose has done before a case: on each of some days the same as in
// the first half of a benign case, often enough that learning is over with the settings that are
// the defaults. Some rules say nothing without one.
type Past struct {
	From  Case
	state []byte // of the engine at the end
	next  int64  // when the next day of the qube begins
	rest  doings // the second half of the case
}

// doings are items, and the subject whose they are: the one that begins most of the flows, and asks
// most questions.
type doings struct {
	items []detect.Item
	who   string
}

// The days of a past, and how often the qube does on each of them what it does: at least so often
// that each destination is used more than once, and at most every half hour.
const (
	pastDays      = 8
	pastDay       = int64(24 * 3600e9)
	pastEvery     = int64(1800e9)
	pastLeast     = 2
	pastMost      = int(pastDay / pastEvery)
	pastLongest   = pastDay / 2      // of a half, which must fit into a day twice
	pastPause     = int64(3600e9)    // what is glued together from several years has no longer one
	pastQube      = "qube"           // who has it, and does what is in the case
	pastBeginning = int64(1.7376e18) // 2025-01-20
)

// needsPast are the rules that say nothing of a qube that has none.
const needsPast = 1<<behaviour.FirstSeen | 1<<behaviour.OddPort | 1<<behaviour.OddHours | 1<<behaviour.DirectIP

// NeedsPast reports whether a rule says nothing of a qube without a past.
func NeedsPast(r behaviour.Rule) bool { return needsPast>>r&1 != 0 }

// NewPast learns the first half of the items of a benign case. It returns nil if too little happens
// in it, or if it is too long.
func NewPast(c *Case, items []detect.Item) *Past {
	first, last := span(items)
	half := first + (last-first)/2
	var learned, rest []detect.Item
	for _, i := range items {
		if i.At < half {
			learned = append(learned, i)
		} else {
			rest = append(rest, i)
		}
	}
	if half-first > pastLongest || len(learned) == 0 {
		return nil
	}
	habit := doingsOf(learned)
	times := timesADay(habit)
	if times > pastMost {
		return nil
	}
	engine := behaviour.New(pastConfig(func(*behaviour.Finding) {}))
	for n := range pastDays * times {
		live(engine, habit, pastBeginning+int64(n/times)*pastDay+int64(n%times)*(pastDay/int64(times)))
	}
	if p := engine.Profiles(pastQube); len(p) != 1 || !p[0].Learned {
		return nil
	}
	return &Past{From: *c, state: engine.Snapshot(), next: pastBeginning + pastDays*pastDay, rest: doingsOf(rest)}
}

// timesADay returns how often a qube must do something on each day until enough is learned.
func timesADay(d doings) int {
	conf := pastConfig(func(*behaviour.Finding) {})
	once := behaviour.New(conf)
	live(once, d, pastBeginning)
	uses := 0
	for _, p := range once.Profiles(pastQube) {
		uses = p.Observations
	}
	if uses == 0 {
		return pastMost + 1
	}
	return max(pastLeast, (conf.Learn.Uses+uses*(pastDays-1)-1)/(uses*(pastDays-1)))
}

// pastConfig returns the settings that are the defaults.
func pastConfig(report func(*behaviour.Finding)) behaviour.Config {
	conf := behaviour.Defaults()
	conf.Report = report
	return conf
}

// Continue returns what is found if the qube goes on with the second half of the case that its past
// was made of.
func (p *Past) Continue() *Result { return p.with(&p.From, p.rest) }

// with returns what is found if the qube does what is in another case.
func (p *Past) with(c *Case, d doings) *Result {
	r := &Result{Case: *c, Items: len(d.items), Start: p.next, From: p.next}
	engine := behaviour.New(pastConfig(r.keep))
	if err := engine.Restore(p.state); err != nil {
		panic(err) // the state is one that the engine has just written
	}
	r.Span = time.Duration(live(engine, d, p.next) - p.next)
	return r
}

// live has a qube do something from a time on, and returns when it was done.
func live(engine *behaviour.Engine, d doings, at int64) int64 {
	t := newTranslator()
	var before int64
	for n := range d.items {
		i := d.items[n]
		if n > 0 {
			at += min(max(i.At-before, 0), pastPause)
		}
		before = i.At
		o, _ := t.Translate(moved(&i, at-i.At))
		if o == nil {
			continue
		}
		if o.Subject == d.who {
			o.Subject = pastQube
		}
		observe(engine, o)
	}
	return at
}

// doingsOf finds out whose some items are.
func doingsOf(items []detect.Item) doings {
	who := ""
	t := newTranslator()
	counts := map[string]int{}
	for n := range items {
		if o, _ := t.Translate(&items[n]); o != nil && (o.Kind == behaviour.Opened || o.Kind == behaviour.Asked) {
			if counts[o.Subject]++; counts[o.Subject] > counts[who] {
				who = o.Subject
			}
		}
	}
	return doings{items, who}
}

// moved returns an item with its times moved by some nanoseconds.
func moved(i *detect.Item, by int64) *detect.Item {
	i.At += by
	i.Notice.At, i.Notice.Born = i.Notice.At+by, i.Notice.Born+by
	if e, ok := i.Other.(*detect.Ended); ok {
		later := *e
		later.Start, later.End, later.Born = e.Start+by, e.End+by, e.Born+by
		i.Other = &later
	}
	return i
}
