package dns

import (
	"strconv"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
)

// writeOwn writes the decision and how the answer came about.
func (d *Document) writeOwn(w event.Writer) {
	w.Begin("qubesbeat")
	w.Begin("dns")
	w.String("response_type", d.Entry.Outcome.From.String())
	w.String("upstream_group", d.UpstreamGroup)
	w.String("policy_version", strconv.FormatUint(d.Version, 10))
	if d.mixed {
		w.String("question_raw", dnsmsg.Text(d.Entry.Name))
	}
	w.Uint("count", uint64(max(d.Count, 1)))
	d.writeBlock(w)
	d.writeUpstream(w)
	d.writeCache(w)
	if d.EDE != dnsmsg.NoEDE {
		w.Begin("ede")
		w.Uint("code", uint64(d.EDE))
		w.String("text", d.EDE.String())
		w.End()
	}
	if d.Truncated {
		w.Bool("truncated_for_client", true)
	}
	if d.Joined {
		w.Bool("joined", true)
	}
	if d.ECS {
		w.Bool("ecs_stripped", true)
	}
	w.End()
	w.End()
}

// writeBlock says what about a query or its answer was the reason.
func (d *Document) writeBlock(w event.Writer) {
	if d.Match == dnsevent.NoMatch {
		return
	}
	w.Begin("block")
	w.String("match", d.Match.String())
	if d.List != "" {
		w.String("list", d.List)
	}
	if d.Outcome.Name != nil {
		w.String("name", dnsmsg.Text(d.Outcome.Name))
	}
	if d.Addr.IsValid() {
		w.Addr("ip", d.Addr)
	}
	w.End()
}

func (d *Document) writeUpstream(w event.Writer) {
	if d.Attempts == 0 {
		return
	}
	w.Begin("upstream")
	if u := d.Upstream; u != nil {
		w.String("address", u.Endpoint)
		w.String("protocol", u.Protocol)
	}
	w.Uint("duration", uint64(max(d.Took, 0)))
	w.Uint("attempts", uint64(d.Attempts))
	w.End()
}

func (d *Document) writeCache(w event.Writer) {
	if d.Outcome.From != dnsevent.FromCache {
		return
	}
	state := "fresh"
	switch {
	case d.Stale:
		state = "stale"
	case d.Negative:
		state = "negative"
	}
	w.Begin("cache")
	w.Bool("hit", true)
	w.String("state", state)
	w.Uint("age", uint64(max(d.Age, 0)))
	w.Uint("ttl_left", uint64(max(d.Left, 0)))
	w.End()
}
