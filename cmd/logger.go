package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// newLogger returns a logger that writes lines in the form of our errors, for commands
// that use parts of the beat without libbeat.
func newLogger(w io.Writer) *slog.Logger { return slog.New(lineHandler{w: w}) }

// lineHandler is the handler of such a logger.
type lineHandler struct {
	w     io.Writer
	attrs string
}

var _ slog.Handler = lineHandler{} // type check

// Enabled implements [slog.Handler].
func (h lineHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	var attrs strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		attrs.WriteString(attrText(a))
		return true
	})
	_, err := fmt.Fprintf(h.w, "qubesbeat: %s\n", safetext.Line(r.Message+h.attrs+attrs.String()))
	return err
}

// WithAttrs implements [slog.Handler].
func (h lineHandler) WithAttrs(list []slog.Attr) slog.Handler {
	for _, a := range list {
		h.attrs += attrText(a)
	}
	return h
}

// WithGroup implements [slog.Handler]. Groups are not shown.
func (h lineHandler) WithGroup(string) slog.Handler { return h }

func attrText(a slog.Attr) string { return fmt.Sprintf(" %s=%v", a.Key, a.Value) }
