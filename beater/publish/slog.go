package publish

import (
	"context"
	"log/slog"

	"github.com/elastic/elastic-agent-libs/logp"
)

// NewLogger returns a logger of the standard library that writes to libbeat's, as a
// [SafeLogger].
func NewLogger(log *logp.Logger) *slog.Logger { return slog.New(slogHandler{log: SafeLogger(log)}) }

// slogHandler lets packages that know the standard library's logger write to
// libbeat's.
type slogHandler struct {
	log   *logp.Logger
	attrs []any
}

var _ slog.Handler = slogHandler{} // type check

// Enabled implements [slog.Handler].
func (h slogHandler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.log.IsDebug()
}

// Handle implements [slog.Handler].
func (h slogHandler) Handle(_ context.Context, r slog.Record) error {
	args := append([]any(nil), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		args = append(args, a.Key, a.Value.Any())
		return true
	})
	switch {
	case r.Level >= slog.LevelError:
		h.log.Errorw(r.Message, args...)
	case r.Level >= slog.LevelWarn:
		h.log.Warnw(r.Message, args...)
	case r.Level >= slog.LevelInfo:
		h.log.Infow(r.Message, args...)
	default:
		h.log.Debugw(r.Message, args...)
	}
	return nil
}

// WithAttrs implements [slog.Handler].
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], a.Key, a.Value.Any())
	}
	return h
}

// WithGroup implements [slog.Handler]. libbeat's log has no groups.
func (h slogHandler) WithGroup(string) slog.Handler { return h }
