package behaviour

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/codec"
	"github.com/qubesbeat/qubesbeat/internal/behaviour/periodic"
)

// ErrState is wrapped by the errors of [Engine.Restore].
var ErrState = errors.New("behaviour: unreadable state")

// The beginning of a state: a magic number with the version of the format, and a hash that
// says which key the rest was made with.
const (
	magic    = "qbh5"
	before   = "qbh4" // what counts for minutes or hours is not read: it lacks some of it
	former   = "qbh3" // likewise
	older    = "qbh2" // without that
	keyCheck = "qubesbeat baseline"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot returns what the engine knows: for each subject its baseline, its series, its open
// findings, and what counts for minutes or hours. It holds hashes and no names but those of the
// subjects, and is smaller than the engine.
func (e *Engine) Snapshot() []byte {
	b := binary.LittleEndian.AppendUint64([]byte(magic), siphash(e.conf.Key[0], e.conf.Key[1], keyCheck))
	for _, name := range slices.Sorted(maps.Keys(e.subjects)) {
		s := e.subjects[name]
		part := e.appendSubject(make([]byte, 4), s)
		binary.LittleEndian.PutUint32(part, uint32(len(part)-4))
		c := codec.Writer(part)
		e.memory(c, s)
		b = appendSection(b, c.Bytes())
	}
	return b
}

// appendSection appends a part with its length and its checksum.
func appendSection(b, part []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(part)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(part, castagnoli))
	return append(b, part...)
}

// appendSubject appends what is known of a subject.
func (e *Engine) appendSubject(b []byte, s *subject) []byte {
	le := binary.LittleEndian
	b = appendText(b, s.name)
	b = le.AppendUint32(b, s.id)
	b = le.AppendUint64(b, uint64(s.last))
	b = le.AppendUint64(b, uint64(s.resolves))
	b = le.AppendUint32(le.AppendUint32(b, s.flows), s.direct)
	part := s.base.Append(nil)
	b = append(le.AppendUint32(b, uint32(len(part))), part...)
	n := len(b)
	b = le.AppendUint32(b, 0)
	count := uint32(0)
	for i := e.series.store.Oldest(s.id); i != nil; i = i.Next() {
		v := &i.Value.value
		flags := byte(0)
		if v.inFlow {
			flags = 1
		}
		b = append(le.AppendUint32(le.AppendUint32(le.AppendUint64(b, i.Value.hash), v.alone), v.beats), flags)
		b = v.Append(b)
		count++
	}
	le.PutUint32(b[n:], count)
	for i := e.open.store.Oldest(s.id); i != nil; i = i.Next() {
		v := &i.Value.value
		b = le.AppendUint64(le.AppendUint64(le.AppendUint64(b, i.Value.hash), uint64(v.told)), v.count)
		b = append(le.AppendUint16(b, v.rules), byte(v.level))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint16(b, uint16(min(len(s), 1<<16-1))), s[:min(len(s), 1<<16-1)]...)
}

// Restore reads a snapshot into an engine that has seen nothing yet. After an error, which
// wraps [ErrState], the engine must not be used.
func (e *Engine) Restore(b []byte) error {
	if len(b) < len(magic)+8 {
		return fmt.Errorf("%w: it has %d bytes", ErrState, len(b))
	}
	var restore func(part []byte) error
	switch string(b[:len(magic)]) {
	case magic:
		restore = e.restoreAll
	case before, former:
		restore = func(part []byte) error { return second(e.restoreLasting(&part)) }
	case older:
		restore = func(part []byte) error { return second(e.restoreSubject(part)) }
	default:
		return fmt.Errorf("%w: it begins with none of %s, %s, %s and %s", ErrState, magic, before, former, older)
	}
	if binary.LittleEndian.Uint64(b[len(magic):]) != siphash(e.conf.Key[0], e.conf.Key[1], keyCheck) {
		return fmt.Errorf("%w: it was made with another key", ErrState)
	}
	for at := len(magic) + 8; at < len(b); {
		if len(b)-at < 8 {
			return fmt.Errorf("%w: it ends at offset %d in a header", ErrState, len(b))
		}
		n, sum := int(binary.LittleEndian.Uint32(b[at:])), binary.LittleEndian.Uint32(b[at+4:])
		at += 8
		if n > len(b)-at {
			return fmt.Errorf("%w: it ends at offset %d, %d bytes early", ErrState, len(b), n-len(b)+at)
		}
		part := b[at : at+n]
		if crc32.Checksum(part, castagnoli) != sum {
			return fmt.Errorf("%w: the checksum at offset %d does not fit", ErrState, at-4)
		}
		if len(e.subjects) >= maxSubjects {
			return fmt.Errorf("%w: more than %d subjects", ErrState, maxSubjects)
		}
		if err := restore(part); err != nil {
			return fmt.Errorf("%w: at offset %d: %w", ErrState, at, err)
		}
		at += n
	}
	for _, s := range e.all {
		e.latest = max(e.latest, s.last)
	}
	e.swept, e.steady = e.latest-sweepEvery, inOrder // who never runs for a day forgets at the start
	return nil
}

// errShort is the error for a part that is too short.
var errShort = errors.New("too short")

// cut returns the first n bytes of *b and removes them; nil if there are fewer.
func cut(b *[]byte, n int) []byte {
	if n < 0 || len(*b) < n {
		return nil
	}
	part := (*b)[:n]
	*b = (*b)[n:]
	return part
}

// second returns the second of two results.
func second(_ *subject, err error) error { return err }

// restoreLasting reads a subject from *b, and leaves its memory there.
func (e *Engine) restoreLasting(b *[]byte) (*subject, error) {
	size := cut(b, 4)
	if size == nil {
		return nil, errShort
	}
	part := cut(b, int(binary.LittleEndian.Uint32(size)))
	if part == nil {
		return nil, errShort
	}
	return e.restoreSubject(part)
}

// restoreAll reads a subject with its memory.
func (e *Engine) restoreAll(b []byte) error {
	s, err := e.restoreLasting(&b)
	if err != nil {
		return err
	}
	c := codec.Reader(b)
	e.memory(c, s)
	return c.Err()
}

// restoreSubject reads what appendSubject has written. Since when the queries of the subject
// are seen is not read: the addresses that it has resolved are not known any more.
func (e *Engine) restoreSubject(b []byte) (*subject, error) {
	le := binary.LittleEndian
	head := cut(&b, 2)
	if head == nil {
		return nil, errShort
	}
	name := cut(&b, int(le.Uint16(head)))
	fixed := cut(&b, 4+8+8+4+4+4)
	if name == nil || fixed == nil {
		return nil, errShort
	}
	s := &subject{name: string(name), id: le.Uint32(fixed), last: int64(le.Uint64(fixed[4:])),
		flows: le.Uint32(fixed[20:]), direct: le.Uint32(fixed[24:])}
	part := cut(&b, int(le.Uint32(fixed[28:])))
	if part == nil || e.subjects[s.name] != nil || s.id == 0 {
		return nil, errShort
	}
	base, err := baseline.Decode(part)
	if err != nil {
		return nil, err
	}
	if !e.slots.Fits(s.id, base.Slots()) {
		return nil, errors.New("the baselines are too large together")
	}
	e.slots.Add(s.id, base.Slots())
	s.base = *base
	e.keep(s)
	e.nextID = max(e.nextID, s.id)
	return s, e.restoreTracks(s, b)
}

// The sizes of what restoreTracks reads, in bytes.
const (
	seriesSize = 8 + 4 + 4 + 1 + periodic.Size
	openSize   = 8 + 8 + 8 + 2 + 1
)

// restoreTracks reads the series and open findings of a subject.
func (e *Engine) restoreTracks(s *subject, b []byte) error {
	le := binary.LittleEndian
	count := cut(&b, 4)
	if count == nil {
		return errShort
	}
	for range le.Uint32(count) {
		part := cut(&b, seriesSize)
		if part == nil {
			return errShort
		}
		v, isNew := e.series.add(s.id, le.Uint64(part))
		if v == nil || !isNew {
			continue
		}
		v.alone, v.beats, v.inFlow = le.Uint32(part[8:]), le.Uint32(part[12:]), part[16]&1 != 0
		if err := v.Decode(part[17:]); err != nil {
			return err
		}
	}
	for len(b) > 0 {
		part := cut(&b, openSize)
		if part == nil {
			return errShort
		}
		if v, isNew := e.open.add(s.id, le.Uint64(part)); v != nil && isNew {
			v.told, v.count, v.rules, v.level = int64(le.Uint64(part[8:])), le.Uint64(part[16:]), le.Uint16(part[24:]), min(Level(part[26]), Critical)
		}
	}
	return nil
}
