package transaction

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// fakeClient keeps what is published, or asks OnPublish.
type fakeClient struct {
	OnPublish func(beat.Event)

	mu     sync.Mutex
	events []beat.Event
	closed int
}

var _ beat.Client = (*fakeClient)(nil) // type check

// Publish implements [beat.Client].
func (c *fakeClient) Publish(e beat.Event) {
	if c.OnPublish != nil {
		c.OnPublish(e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

// PublishAll implements [beat.Client].
func (c *fakeClient) PublishAll(all []beat.Event) {
	for _, e := range all {
		c.Publish(e)
	}
}

// Close implements [beat.Client].
func (c *fakeClient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	return nil
}

// published returns what has been published so far.
func (c *fakeClient) published() []beat.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// inventory is a lookup that a test may change while it runs.
type inventory struct {
	mu    sync.Mutex
	qubes []*qube.Qube
}

var _ enrich.QubeLookup = (*inventory)(nil) // type check

// ByDomain implements [enrich.QubeLookup].
func (i *inventory) ByDomain(domid int32, _ time.Time) *qube.Qube {
	return i.first(func(q *qube.Qube) bool { return q.XID == domid })
}

// ByAddr implements [enrich.QubeLookup].
func (i *inventory) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	return i.first(func(q *qube.Qube) bool { return q.Owns(a) })
}

func (i *inventory) first(match func(*qube.Qube) bool) *qube.Qube {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, q := range i.qubes {
		if match(q) {
			return q
		}
	}
	return nil
}

// learn adds a qube.
func (i *inventory) learn(name string, xid int32, ip string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.qubes = append(i.qubes, &qube.Qube{Name: name, XID: xid, IP: netip.MustParseAddr(ip)})
}

// sections reads a configuration of protocols, a section on each line.
func sections(tb testing.TB, text string) (all []*conf.C) {
	tb.Helper()
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		c, err := conf.NewConfigWithYAML([]byte(line), "test")
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}
