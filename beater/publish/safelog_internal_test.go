package publish

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/elastic/elastic-agent-libs/logp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

type stringer string

func (s stringer) String() string { return string(s) }

// isHostile reports whether a text has a character that must not be in the log.
func isHostile(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\a\n\u202e\u0085")
}

// TestSafeLogger lets no control character of a name, an error or a list into the log, in
// the message or a field, from either kind of logger.
func TestSafeLogger(t *testing.T) {
	t.Parallel()
	const hostile = "x\x1b]0;owned\a\nlevel=error \u202eforged\u0085\xff"
	core, lines := observer.New(zapcore.DebugLevel)
	log := SafeLogger(logp.NewNopLogger().WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core { return core })))
	log.With("early", hostile).Named("part").Warnw("cannot resolve "+hostile, "text", hostile, "error", errors.New(hostile), "names", []string{"a", hostile},
		"value", stringer(hostile), "bytes", []byte(hostile), "count", 3)
	NewLogger(log).With("early", hostile).Error("cannot resolve "+hostile, "text", hostile, "error", errors.New(hostile), "any", stringer(hostile))
	NewLogger(log).Info("plain", "stack", "a\n\tb")
	if lines.Len() != 3 {
		t.Fatalf("%d lines; want 3", lines.Len())
	}
	for _, l := range lines.All()[:2] {
		fields := zapcore.NewMapObjectEncoder()
		for _, f := range l.Context {
			f.AddTo(fields)
		}
		if isHostile(l.Message) || !strings.Contains(l.Message, `x\u001b]0;owned\u0007\nlevel=error \u202eforged\u0085\xff`) {
			t.Errorf("message = %q", l.Message)
		}
		for key, v := range fields.Fields {
			list, isList := v.([]any)
			text, isText := v.(string)
			for _, one := range list {
				text += one.(string)
			}
			if (isText || isList) && (isHostile(text) || !strings.Contains(text, `\u001b`)) {
				t.Errorf("%s = %q", key, text)
			}
		}
	}
	if got := lines.All()[2].ContextMap()["stack"]; got != "a\n\tb" {
		t.Errorf("a stack is %q; want its lines", got)
	}
}
