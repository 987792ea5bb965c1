package publish

import (
	"strings"
	"testing"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// explained returns a logger that is explained, and its lines.
func explained(output string, clock zapcore.Clock) (*logp.Logger, *observer.ObservedLogs) {
	core, lines := observer.New(zapcore.DebugLevel)
	log := logp.NewNopLogger().WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core { return core }), zap.WithClock(clock))
	Explain(log, output, "/logs/qubesbeat-events-data-*.ndjson")
	return log, lines
}

// clock is a time that a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time                       { return c.now }
func (c *clock) NewTicker(time.Duration) *time.Ticker { panic("not used") }

// TestExplain says after a line of an output what is wrong, and the same only once in ten
// minutes.
func TestExplain(t *testing.T) {
	t.Parallel()
	now := &clock{time.Unix(0, 0)}
	log, lines := explained("redis", now)
	publisher := log.Named("publisher").With("a", 1)
	for range 3 {
		publisher.Errorf("Failed to connect to backoff(redis): NOAUTH Authentication required.")
	}
	publisher.Errorf("Failed to connect to backoff(redis): dial tcp 127.0.0.1:1: connect: connection refused")
	now.now = now.now.Add(explainEvery)
	publisher.Errorf("NOAUTH Authentication required.")
	log.Named("qubesbeat").Error("NOAUTH of another part")
	publisher.Infof("NOAUTH, but no error")
	publisher.Errorf("something else")
	var got []string
	for _, l := range lines.FilterMessageSnippet("output.redis: ").All() {
		got = append(got, l.Message+"; "+l.ContextMap()["next_step"].(string))
	}
	const password = "output.redis: the server wants a password, and none is set; set output.redis.password"
	if len(got) != 3 || got[0] != password || !strings.Contains(got[1], "no program listens") || got[2] != password {
		t.Errorf("explained: %q", got)
	}
	if lines.Len() != 8+len(got) {
		t.Errorf("%d lines; want the 8 of libbeat, too", lines.Len())
	}
}

// TestExplain_refused names the files of refused events, and lets no event choose the
// hint.
func TestExplain_refused(t *testing.T) {
	t.Parallel()
	log, lines := explained("elasticsearch", &clock{time.Unix(0, 0)})
	es := log.Named("elasticsearch")
	es.Warnw(`Cannot index event '{"body":"401 unauthorized (status=403): {\"type\":\"security_exception\""}' (status=400): {"type":"document_parsing_exception"}, dropping event!`, "log.type", "event")
	es.Warnw(`Cannot index event '{}' (status=403): {"type":"security_exception","reason":"action [indices:admin/mapping/auto_put] is unauthorized for user [beat]"}, dropping event!`, "log.type", "event")
	hints := lines.FilterMessageSnippet("output.elasticsearch: ").All()
	if len(hints) != 2 {
		t.Fatalf("%d hints; want 2", len(hints))
	}
	if got := hints[0].ContextMap()["refused_events"]; got != "/logs/qubesbeat-events-data-*.ndjson" {
		t.Errorf("refused_events = %v in %q", got, hints[0].Message)
	}
	if got := hints[1].ContextMap()["next_step"]; got != "give its role the index privilege auto_configure" {
		t.Errorf("next_step = %v in %q", got, hints[1].Message)
	}
}

// TestExplain_nil takes the absence of a logger.
func TestExplain_nil(t *testing.T) {
	t.Parallel()
	Explain(nil, "redis", "")
}
