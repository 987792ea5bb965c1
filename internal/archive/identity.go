package archive

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
)

// identity is what equal events have in common: a digest of its id and one of its
// line, for two events with one id need not be equal.
type identity struct {
	id     [16]byte
	digest [8]byte
}

// identityBytes is the size of an identity in a file.
const identityBytes = 24

func identityOf(id string, line []byte) identity {
	var i identity
	a, b := sha256.Sum256([]byte(id)), sha256.Sum256(line)
	copy(i.id[:], a[:])
	copy(i.digest[:], b[:])
	return i
}

// numbered is the identity of an event of a file that has come, with the number of its
// line, and what is found out about it.
type numbered struct {
	identity
	line int32
	fate fate
}

type fate uint8

const (
	isNew fate = iota
	isDuplicate
	isConflict
)

// batch are the events of a file that has come, in the order of their identities.
type batch []numbered

// sort sorts by identity, and finds the lines that are there twice: the first stays.
func (b batch) sort() {
	slices.SortFunc(b, func(x, y numbered) int {
		return cmp.Or(bytes.Compare(x.id[:], y.id[:]), cmp.Compare(x.line, y.line))
	})
	first := 0
	for i := 1; i < len(b); i++ {
		if b[i].id != b[first].id {
			first = i
		} else {
			b[i].met(b[first].identity)
		}
	}
}

// met notes that an event with the same id is there.
func (n *numbered) met(other identity) {
	if n.digest == other.digest {
		n.fate = isDuplicate
	} else if n.fate == isNew {
		n.fate = isConflict
	}
}

// meet notes that an event is in the archive.
func (b batch) meet(other identity) {
	i, found := slices.BinarySearchFunc(b, other, func(n numbered, o identity) int { return bytes.Compare(n.id[:], o.id[:]) })
	for ; found && i < len(b) && b[i].id == other.id; i++ {
		b[i].met(other)
	}
}

// meetAll notes that the events whose identities r has are in the archive.
func (b batch) meetAll(r io.Reader) error {
	buf := make([]byte, 2048*identityBytes)
	for {
		n, err := io.ReadFull(r, buf)
		for ; n >= identityBytes; n -= identityBytes {
			var i identity
			copy(i.id[:], buf[n-identityBytes:])
			copy(i.digest[:], buf[n-len(i.digest):])
			b.meet(i)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// count returns how many events have a fate.
func (b batch) count(f fate) (n int) {
	for i := range b {
		if b[i].fate == f {
			n++
		}
	}
	return n
}

// appendNew appends the identities of the new events to buf.
func (b batch) appendNew(buf []byte) []byte {
	for i := range b {
		if b[i].fate == isNew {
			buf = append(append(buf, b[i].id[:]...), b[i].digest[:]...)
		}
	}
	return buf
}
