package transaction

import (
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// TestPublisher_summarized leaves out what the client has no share for.
func TestPublisher_summarized(t *testing.T) {
	t.Parallel()
	client, admitted := new(fakeClient), true
	var seen []*event.Account
	p := newFakePublisher(t, client, func(c *publisherConfig) {
		c.deps.Admit = func(a *event.Account) bool {
			seen = append(seen, a)
			admitted = !admitted
			return admitted
		}
	})
	finish := run(p)
	for range 4 {
		e := newEvent(work, server)
		e.Fields.DeepUpdate(mapstr.M{"event": mapstr.M{"dataset": "http"}, "status": "OK", "source": mapstr.M{"bytes": 100, "port": 40000},
			"destination": mapstr.M{"bytes": 2000.0, "port": 80}, "server": mapstr.M{"domain": "www.example"}})
		p.take(e, 100)
	}
	finish()
	checkSums(t, p)
	if s := p.stats(); s.published != 2 || s.summarized != 2 {
		t.Errorf("published %d, summarized %d; want 2 of each", s.published, s.summarized)
	}
	a := seen[0]
	if a.Dataset != "http" || a.Count != 1 || a.Sent.Bytes != 100 || a.Received.Bytes != 2000 || a.Peer != netip.MustParseAddr(server) || a.Port != 80 ||
		a.Name != "www.example" || a.Outcome != "OK" || a.Parties == nil {
		t.Errorf("account = %+v", a)
	}
}

// TestTextSize is about the length of the JSON, whatever a request has in it.
func TestTextSize(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]mapstr.M{
		"plain":  {"a": "text", "inner": mapstr.M{"b": []string{"x", "y"}, "c": 12345678}, "list": []any{map[string]any{"d": "e"}}},
		"binary": {"request": strings.Repeat("\x01", 1000)},
		"quotes": {"request": strings.Repeat("a", 1000)},
	} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := textSize(v), len(text); math.Abs(float64(got-want)) > 0.2*float64(want) {
			t.Errorf("%s: textSize = %d; want about %d", name, got, want)
		}
	}
}
