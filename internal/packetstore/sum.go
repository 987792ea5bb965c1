package packetstore

import (
	"encoding/hex"
	"io"

	"github.com/zeebo/blake3"
)

// sum is the digest of a segment while it is written: BLAKE3, of 256 bits. SHA-256, of which
// the lines of the chain and indexes have one, takes more than twice the time, which was half
// of what a packet of full size costs.
type sum struct{ state *blake3.Hasher }

func newSum() *sum { return &sum{blake3.New()} }

// Write implements [io.Writer]. It never fails.
func (s *sum) Write(b []byte) (int, error) { return s.state.Write(b) }

// text returns the digest of what was written.
func (s *sum) text() string {
	var out [32]byte
	return hex.EncodeToString(s.state.Sum(out[:0]))
}

// Digest is the digest of a segment as the lines of the chain have it.
type Digest struct{ sum *sum }

// NewDigest returns the digest of nothing.
func NewDigest() *Digest { return &Digest{newSum()} }

// Write implements [io.Writer]. It never fails.
func (d *Digest) Write(b []byte) (int, error) { return d.sum.Write(b) }

// String returns the digest of what was written, in hexadecimal digits.
func (d *Digest) String() string { return d.sum.text() }

// sumOfReader returns the digest of what in has.
func sumOfReader(in io.Reader) (string, error) {
	s := newSum()
	_, err := io.Copy(s, in)
	return s.text(), err
}
