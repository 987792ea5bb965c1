package packetstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Verification is what Verify has found.
type Verification struct {
	Segments int // sealed segments whose content is that of their line
	Lines    uint64
	Head     string   // digest of the last line, to be compared with that in a stats event
	Problems []string // in the order of the chain; empty if all is well

	latest map[string]*Line // what the chain has said when it was read again; nil if it was not
}

// Verify compares the chain with itself, and the segments with the chain. It reads the
// whole store.
func (r *Reader) Verify(ctx context.Context) (*Verification, error) {
	v := &Verification{}
	lines := map[string]*Line{}
	if err := r.verifyChain(v, lines); err != nil {
		return nil, fmt.Errorf("verifying the chain: %w", err)
	}
	err := r.list("", func(s *stored) error {
		if s.open {
			return nil
		}
		l := lines[s.name]
		delete(lines, s.name)
		delete(lines, plainName(s.name)) // which it was before it was compressed
		return r.verifyStored(ctx, v, s.name, l)
	})
	if err != nil {
		return nil, fmt.Errorf("verifying segments: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		if l := lines[name]; (l.Event == Sealed || l.Event == Repaired) && lines[packedName(name)] == nil {
			v.problem("%s is missing, and no line says why", name)
		}
	}
	return v, nil
}

// verifyStored compares a segment with its line. One that was sealed, compressed or removed since the
// chain was read is compared with what the chain says now, which it is read again for if need be.
func (r *Reader) verifyStored(ctx context.Context, v *Verification, name string, l *Line) error {
	if l != nil {
		err := r.verifySegment(ctx, v, name, l)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if v.latest != nil {
		if done, err := r.verifyLatest(ctx, v, name); done || err != nil {
			return err
		}
	}
	v.latest = map[string]*Line{}
	if err := r.verifyChain(&Verification{}, v.latest); err != nil {
		return err
	}
	done, err := r.verifyLatest(ctx, v, name)
	if !done && err == nil {
		if v.lineOf(&name) == nil {
			return r.verifySegment(ctx, v, name, nil)
		}
		v.problem("%s is missing, and no line says why", name)
	}
	return err
}

// verifyLatest compares a segment with what the chain has said the last time that it was read. It
// reports false if that does not explain what there is.
func (r *Reader) verifyLatest(ctx context.Context, v *Verification, name string) (done bool, err error) {
	l := v.lineOf(&name)
	switch {
	case l == nil:
		return false, nil
	case l.Event == Evicted || l.Event == Forgotten:
		return true, nil
	}
	err = r.verifySegment(ctx, v, name, l)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// lineOf returns the latest line of a segment, and changes the name to that which it was given
// when it was compressed; nil if there is none.
func (v *Verification) lineOf(name *string) *Line {
	if packed := packedName(*name); v.latest[packed] != nil && !isEncrypted(*name) {
		*name = packed
	}
	return v.latest[*name]
}

func (v *Verification) problem(form string, args ...any) {
	const most = 1000
	if len(v.Problems) < most {
		v.Problems = append(v.Problems, safetext.Line(fmt.Sprintf(form, args...)))
	}
}

// verifyChain reads both files of the chain, and returns the last line of each segment.
func (r *Reader) verifyChain(v *Verification, lines map[string]*Line) error {
	first := true
	for _, name := range []string{oldChain, chainName} {
		f, err := r.files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		err = readLines(f, func(raw []byte, l *Line, damage error) {
			switch v.Lines++; {
			case damage != nil:
				v.problem("line %d of the chain cannot be read: %v", v.Lines, damage)
			case !first && l.Previous != v.Head || first && l.Number == 1 && l.Previous != "":
				v.problem("line %d of the chain does not follow the one before it: something was changed, added or removed", l.Number)
				fallthrough
			default:
				if l.Event != Kept {
					lines[l.Name] = l
				}
			}
			v.Head, first = digest(raw), false
		})
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// verifySegment compares a segment with its line, which is nil if there is none.
func (r *Reader) verifySegment(ctx context.Context, v *Verification, name string, l *Line) error {
	switch {
	case l == nil:
		v.problem("%s was added: the chain has no line of it", name)
		return nil
	case l.Event != Sealed && l.Event != Repaired:
		v.problem("%s is there, although it was %s on %s", name, l.Event, l.At.Format("2006-01-02 15:04"))
		return nil
	}
	size, sum, err := r.digestOf(ctx, name)
	if err != nil {
		return err
	}
	index, err := r.indexDigest(name)
	switch {
	case size != l.Bytes:
		v.problem("%s has %d bytes; it was sealed with %d", name, size, l.Bytes)
	case l.Segment != "" && sum != l.Segment:
		v.problem("%s was changed since it was sealed", name)
	case err != nil || index != l.Index:
		v.problem("the index of %s was changed or removed since it was sealed", name)
	default:
		v.Segments++
	}
	return nil
}

// indexDigest returns the digest of a segment's index.
func (r *Reader) indexDigest(name string) (string, error) {
	f, err := r.files.Open(indexName(name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := readAll(f, maxIndex)
	return digest(b), err
}

// digestOf returns size and digest of a segment.
func (r *Reader) digestOf(ctx context.Context, name string) (int64, string, error) {
	f, err := r.files.Open(name)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, "", err
	}
	text, err := sumOfReader(&cancelled{ctx, io.NewSectionReader(f, 0, size)})
	return size, text, err
}

// cancelled ends a copy with its context.
type cancelled struct {
	ctx context.Context
	in  io.Reader
}

// Read implements [io.Reader].
func (c *cancelled) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.in.Read(b)
}
