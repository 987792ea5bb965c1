package publish

import (
	"fmt"
	"reflect"

	"github.com/elastic/elastic-agent-libs/logp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// SafeLogger returns a logger in whose lines no text from outside can do harm: errors of
// upstreams, names in certificates, lines of the kernel's log. All of ours derive from
// one such logger, so that this is the only place that has to think of it.
func SafeLogger(log *logp.Logger) *logp.Logger {
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return safeCore{c} }))
}

// safeCore makes the text of log lines harmless on its way to another core.
type safeCore struct{ zapcore.Core }

var _ zapcore.Core = safeCore{} // type check

// With implements [zapcore.Core].
func (c safeCore) With(fields []zapcore.Field) zapcore.Core {
	return safeCore{c.Core.With(safe(fields))}
}

// Check implements [zapcore.Core].
func (c safeCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements [zapcore.Core].
func (c safeCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	e.Message = safetext.Line(e.Message)
	return c.Core.Write(e, safe(fields))
}

// stackKey is the key of a stack trace, which is ours and has many lines.
const stackKey = "stack"

// safe returns fields with harmless text.
func safe(fields []zapcore.Field) []zapcore.Field {
	out := make([]zapcore.Field, len(fields))
	for i := range fields {
		if out[i] = fields[i]; fields[i].Key != stackKey {
			out[i] = safeField(fields[i])
		}
	}
	return out
}

func safeField(f zapcore.Field) zapcore.Field {
	switch f.Type {
	case zapcore.StringType:
		f.String = safetext.Line(f.String)
	case zapcore.ByteStringType:
		if b, ok := f.Interface.([]byte); ok {
			f.Interface = []byte(safetext.Line(string(b)))
		}
	case zapcore.ErrorType:
		if err, ok := f.Interface.(error); ok {
			f.Interface = safeError{err}
		}
	case zapcore.StringerType:
		if s, ok := f.Interface.(fmt.Stringer); ok {
			f.Interface = safeStringer{s}
		}
	default:
		return safeList(f)
	}
	return f
}

// safeList returns a list of strings, of whatever type, with harmless text, and every
// other field as it is.
func safeList(f zapcore.Field) zapcore.Field {
	v := reflect.ValueOf(f.Interface)
	if !v.IsValid() || v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.String {
		return f
	}
	list := make([]string, v.Len())
	for i := range list {
		list[i] = safetext.Line(v.Index(i).String())
	}
	return zap.Strings(f.Key, list)
}

// safeError is an error with a harmless text.
type safeError struct{ error }

// Error implements the error interface.
func (e safeError) Error() string { return safetext.Line(e.error.Error()) }

// Unwrap returns the error as it is.
func (e safeError) Unwrap() error { return e.error }

// safeStringer is a value with a harmless text.
type safeStringer struct{ fmt.Stringer }

// String implements [fmt.Stringer].
func (s safeStringer) String() string { return safetext.Line(s.Stringer.String()) }
