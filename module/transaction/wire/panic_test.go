package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

func newPanic() wire.Panic {
	return wire.Panic{Protocol: "http", Caught: guard.Caught{Value: "index out of range", Hash: "0123456789ab", Stack: "goroutine 1", Input: []byte("\x00\xff")}}
}

// TestParsePanic returns what AppendPanic has encoded, cut to its bounds, and refuses
// everything else.
func TestParsePanic(t *testing.T) {
	t.Parallel()
	bare, long, cut := newPanic(), newPanic(), newPanic()
	bare.Value, bare.Stack, bare.Input = "", "", nil
	long.Value, long.Stack, long.Input = strings.Repeat("v", 1<<20), strings.Repeat("s", 1<<20), bytes.Repeat([]byte("i"), 1<<20)
	cut.Value, cut.Stack, cut.Input = long.Value[:512], long.Stack[:16<<10], long.Input[:4<<10]
	for _, tt := range []struct{ in, want wire.Panic }{{newPanic(), newPanic()}, {bare, bare}, {long, cut}} {
		got, err := wire.ParsePanic(wire.AppendPanic(nil, &tt.in))
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("ParsePanic, with %v, mismatch (-want +got):\n%s", err, diff)
		}
	}
	damaged := map[string][]byte{"nothing": nil, "one byte": {1}, "a length beyond the end": {9, 0, 'h'}, "a length beyond the bound": append([]byte{0xff, 0xff}, make([]byte, 1<<16)...)}
	p := newPanic()
	b := wire.AppendPanic(nil, &p)
	damaged["all but a byte"], damaged["a byte too many"] = b[:len(b)-1], append(bytes.Clone(b), 0)
	for name, change := range map[string]func(p *wire.Panic){
		"no protocol": func(p *wire.Panic) { p.Protocol = "" },
		"a path":      func(p *wire.Panic) { p.Hash = "../../../etc" },
		"half a hash": func(p *wire.Panic) { p.Hash = "0123" },
		"no hash":     func(p *wire.Panic) { p.Hash = "" },
		"11 digits":   func(p *wire.Panic) { p.Hash = "0123456789a" },
	} {
		p := newPanic()
		change(&p)
		damaged[name] = wire.AppendPanic(nil, &p)
	}
	for name, b := range damaged {
		if got, err := wire.ParsePanic(b); !errors.Is(err, wire.ErrDamaged) {
			t.Errorf("%s: ParsePanic = %+v, %v; want ErrDamaged", name, got, err)
		}
	}
}

// FuzzPanic decodes arbitrary bytes without a panic. What it accepts is within bounds
// and is encoded as before.
func FuzzPanic(f *testing.F) {
	p := newPanic()
	f.Add(wire.AppendPanic(nil, &p))
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := wire.ParsePanic(b)
		if err != nil {
			return
		}
		if len(p.Hash) != 12 || strings.ContainsAny(p.Hash, "/.") || len(p.Input) > 4<<10 {
			t.Errorf("ParsePanic = %+v", p)
		}
		if again := wire.AppendPanic(nil, &p); !bytes.Equal(again, b) {
			t.Errorf("AppendPanic = %x; want %x", again, b)
		}
	})
}
