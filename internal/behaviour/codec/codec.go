// Package codec writes what detectors remember to the state file, and reads it: one function
// for each type does both, so that they cannot differ. What is zero takes no room.
package codec

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrMalformed is returned for what no Coder has written.
var ErrMalformed = errors.New("codec: malformed")

// Coder writes values, or reads them. After a fault it reads zeros only. It is not safe for
// concurrent use.
type Coder struct {
	b       []byte
	reading bool
	err     error
}

// Writer returns a Coder that appends to b.
func Writer(b []byte) *Coder { return &Coder{b: b} }

// Reader returns a Coder that reads b.
func Reader(b []byte) *Coder { return &Coder{b: b, reading: true} }

// Reading reports whether the Coder reads.
func (c *Coder) Reading() bool { return c.reading }

// Bytes returns what was written.
func (c *Coder) Bytes() []byte { return c.b }

// Err returns [ErrMalformed] if something could not be read, or if not all was.
func (c *Coder) Err() error {
	if c.err == nil && c.reading && len(c.b) > 0 {
		return ErrMalformed
	}
	return c.err
}

// Failed reports whether something could not be read.
func (c *Coder) Failed() bool { return c.err != nil }

// Fail makes what was read malformed.
func (c *Coder) Fail() { c.err, c.b = ErrMalformed, nil }

// integer are the types that Int and Hash take.
type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Int codes a number in as few bytes as it needs.
func Int[T integer](c *Coder, v *T) {
	if !c.reading {
		c.b = binary.AppendVarint(c.b, int64(*v))
		return
	}
	n, size := binary.Varint(c.b)
	if size <= 0 || int64(T(n)) != n {
		c.Fail()
		n, size = 0, 0
	}
	*v, c.b = T(n), c.b[size:]
}

// Bool codes a truth value.
func Bool(c *Coder, v *bool) {
	n := uint8(0)
	if *v {
		n = 1
	}
	Int(c, &n)
	if n > 1 {
		c.Fail()
	}
	*v = n == 1
}

// Hash codes a number of which all bytes matter.
func Hash[T ~uint32 | ~uint64](c *Coder, v *T) {
	n := binary.Size(*v)
	if !c.reading {
		c.b = append(c.b, binary.LittleEndian.AppendUint64(nil, uint64(*v))[:n]...)
		return
	}
	if len(c.b) < n {
		c.Fail()
		*v = 0
		return
	}
	var whole [8]byte
	copy(whole[:], c.b[:n])
	*v, c.b = T(binary.LittleEndian.Uint64(whole[:])), c.b[n:]
}

// Float codes a number that is finite.
func (c *Coder) Float(v *float64) {
	bits := math.Float64bits(*v)
	Hash(c, &bits)
	if *v = math.Float64frombits(bits); c.reading && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		c.Fail()
		*v = 0
	}
}

// List codes the values of a list of fixed length that are not zero, one by one.
func List[T comparable](c *Coder, list []T, one func(*T)) {
	var zero T
	n, at := 0, -1
	for i := range list {
		if list[i] != zero {
			n++
		}
	}
	for Int(c, &n); n > 0 && c.err == nil; n-- {
		step := 1
		for !c.reading && list[at+step] == zero {
			step++
		}
		if Int(c, &step); step < 1 || step >= len(list)-at {
			c.Fail()
			return
		}
		at += step
		one(&list[at])
	}
}
