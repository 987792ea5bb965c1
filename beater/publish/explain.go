package publish

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/qubesbeat/qubesbeat/internal/outputhint"
)

// Explain makes a logger explain the errors of an output: a line of libbeat about it is
// followed by one with the cause and the next step, if they are known, the same at most
// once in ten minutes. Output is libbeat's name of it, refused the files in which libbeat
// keeps events that Elasticsearch has refused.
//
// It changes the logger itself, from which libbeat derives those of the outputs: libbeat
// takes no other. It must be called before that. Log may be nil.
func Explain(log *logp.Logger, output, refused string) {
	if log == nil {
		return
	}
	e := &explainer{output: output, refused: refused, last: map[string]time.Time{}}
	*log = *log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return explainCore{c, e} }))
}

// explainCore passes lines on to another core and explains them.
type explainCore struct {
	zapcore.Core
	explainer *explainer
}

var _ zapcore.Core = explainCore{} // type check

// With implements [zapcore.Core].
func (c explainCore) With(fields []zapcore.Field) zapcore.Core {
	return explainCore{c.Core.With(fields), c.explainer}
}

// Check implements [zapcore.Core].
func (c explainCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements [zapcore.Core].
func (c explainCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	err := c.Core.Write(e, fields)
	if e.Level < zapcore.WarnLevel || !isOutput(e.LoggerName) {
		return err
	}
	hint, ok := c.explainer.explain(e)
	if !ok {
		return err
	}
	more := []zapcore.Field{zap.String("next_step", hint.Next), zap.String("more", "qubesbeat test output")}
	if hint.Name == outputhint.RefusedEvents {
		more = []zapcore.Field{zap.String("refused_events", c.explainer.refused)}
	}
	_ = c.Core.Write(zapcore.Entry{Level: e.Level, Time: e.Time, LoggerName: "output", Message: "output." + c.explainer.output + ": " + hint.Cause}, more)
	return err
}

// loggers are those of libbeat's pipeline and outputs.
var loggers = []string{"publisher", "publisher_pipeline_output", "esclientleg", "elasticsearch", "kafka", "logstash", "redis", "transport"}

// isOutput reports whether a logger, by its full name, is one of an output.
func isOutput(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if slices.Contains(loggers, part) {
			return true
		}
	}
	return false
}

// explainer remembers what it has explained. It is safe for concurrent use.
type explainer struct {
	output, refused string

	mu   sync.Mutex
	last map[string]time.Time // by the hint's name; guarded by mu
}

// explainEvery is how often the same is explained.
const explainEvery = 10 * time.Minute

// explain returns the hint for a line, unless there is none or it was given lately.
func (x *explainer) explain(e zapcore.Entry) (outputhint.Hint, bool) {
	hint, ok := outputhint.Find(x.output, serverText(e.Message))
	if !ok {
		return hint, false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if last, ok := x.last[hint.Name]; ok && e.Time.Sub(last) < explainEvery {
		return hint, false
	}
	x.last[hint.Name] = e.Time
	return hint, true
}

// serverText returns the part of a message that is not made of an event: what is in one
// must not choose the hint. The quotes in an event are escaped.
func serverText(message string) string {
	const refused, forbidden = "Cannot index event", `(status=403): {"type":"security_exception"`
	if !strings.HasPrefix(message, refused) {
		return message
	}
	if i := strings.Index(message, forbidden); i >= 0 {
		return message[i:]
	}
	return refused
}
