package codec_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/codec"
)

type point struct {
	X int64
	H uint64
}

type all struct {
	I    int64
	N    uint8
	U    uint64
	H32  uint32
	H64  uint64
	F    float64
	List [50]point
}

// code codes everything there is.
func (a *all) code(c *codec.Coder) {
	codec.Int(c, &a.I)
	codec.Int(c, &a.N)
	codec.Int(c, &a.U)
	codec.Hash(c, &a.H32)
	codec.Hash(c, &a.H64)
	c.Float(&a.F)
	codec.List(c, a.List[:], func(p *point) {
		codec.Int(c, &p.X)
		codec.Hash(c, &p.H)
	})
}

func example() *all {
	a := &all{I: math.MinInt64, N: 255, U: math.MaxUint64, H32: 0xfffefdfc, H64: 1 << 63, F: -1.5}
	a.List[0], a.List[7], a.List[49] = point{X: 1}, point{-5, 9}, point{H: math.MaxUint64}
	return a
}

// TestCoder reads what it has written, and nothing that was cut or is longer.
func TestCoder(t *testing.T) {
	t.Parallel()
	for _, want := range []*all{{}, example()} {
		w := codec.Writer([]byte("x"))
		want.code(w)
		b := w.Bytes()[1:]
		var got all
		r := codec.Reader(b)
		got.code(r)
		if diff := cmp.Diff(want, &got); diff != "" || r.Err() != nil || w.Err() != nil {
			t.Errorf("%v, %v (-want +got):\n%s", w.Err(), r.Err(), diff)
		}
		for n := range b {
			r := codec.Reader(b[:n])
			if new(all).code(r); !errors.Is(r.Err(), codec.ErrMalformed) {
				t.Errorf("%d of %d bytes are read", n, len(b))
			}
		}
		r = codec.Reader(append(b, 0))
		if new(all).code(r); !errors.Is(r.Err(), codec.ErrMalformed) {
			t.Error("what follows is not seen")
		}
	}
	w := codec.Writer(nil)
	if new(all).code(w); len(w.Bytes()) > 30 {
		t.Errorf("zeros take %d bytes", len(w.Bytes()))
	}
}

// FuzzReader reads anything, and writes what it has read.
func FuzzReader(f *testing.F) {
	w := codec.Writer(nil)
	example().code(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, again all
		r := codec.Reader(data)
		if got.code(r); r.Err() != nil {
			return
		}
		w := codec.Writer(nil)
		got.code(w)
		r = codec.Reader(w.Bytes())
		again.code(r)
		if r.Err() != nil || again != got {
			t.Errorf("%+v is read as %+v, %v", got, again, r.Err())
		}
	})
}
