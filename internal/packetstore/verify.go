package packetstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Verification is what Verify has found.
type Verification struct {
	Segments int // sealed segments whose content is that of their line
	Kept     int // files in kept/, likewise
	Lines    uint64
	Head     string   // digest of the last line, to be compared with that in a stats event
	Problems []string // in the order of the chain; empty if all is well
	Crash    int      // how many of them a crash explains, which [Repair] or the next start makes up for
	Notes    []string // what is no problem, and not proven either

	first        map[string]*Line // of each segment that was sealed, by its name
	contradicted map[string]bool  // segments whose lines say different things
	begun        bool             // the first line of all is there
	kept         map[string]*Line
	open         map[string]bool  // segments that are being filled, or were not repaired yet: see openKey
	latest       map[string]*Line // what the chain has said when it was read again; nil if it was not
}

func newVerification() *Verification {
	return &Verification{first: map[string]*Line{}, contradicted: map[string]bool{}, kept: map[string]*Line{}, open: map[string]bool{}}
}

// Verify compares the chain with itself, and the segments with the chain. It reads the
// whole store.
func (r *Reader) Verify(ctx context.Context) (*Verification, error) {
	v := newVerification()
	lines := map[string]*Line{}
	if err := r.verifyChain(v, lines); err != nil {
		return nil, fmt.Errorf("verifying the chain: %w", err)
	}
	err := r.list("", func(s *stored) error {
		if s.open {
			v.open[openKey(s.name)] = true
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
			r.missing(v, name)
		}
	}
	if err := r.verifyOthers(v); err != nil {
		return nil, fmt.Errorf("looking for other files: %w", err)
	}
	if err := r.verifyKept(ctx, v); err != nil {
		return nil, fmt.Errorf("verifying what is kept: %w", err)
	}
	return v, nil
}

// missing reports a segment that is not there. A crash may have left it without its name.
func (r *Reader) missing(v *Verification, name string) {
	_, file := splitName(name)
	if _, err := r.files.root.Lstat(partial(plainName(name))); v.open[openKey(file)] || err == nil {
		v.Crash++
	}
	v.problem("%s is missing, and no line says why", name)
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
	if err := r.verifyChain(newVerification(), v.latest); err != nil {
		return err
	}
	done, err := r.verifyLatest(ctx, v, name)
	if !done && err == nil {
		if v.lineOf(&name) == nil {
			return r.verifySegment(ctx, v, name, nil)
		}
		r.missing(v, name)
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

// mostProblems bounds each list of what was found.
const mostProblems = 1000

func (v *Verification) problem(form string, args ...any) { list(&v.Problems, form, args) }

func (v *Verification) note(form string, args ...any) { list(&v.Notes, form, args) }

// list appends a line to what was found.
func list(all *[]string, form string, args []any) {
	if len(*all) < mostProblems {
		*all = append(*all, safetext.Line(fmt.Sprintf(form, args...)))
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
				v.begun = v.begun || first && l.Number == 1
				v.enter(l, lines)
			}
			v.Head, first = digest(raw), false
		})
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// enter takes over a line of the chain, and compares it with the first one of its segment: no repair
// changes what was sealed.
func (v *Verification) enter(l *Line, lines map[string]*Line) {
	switch l.Event {
	case Kept:
		v.kept[l.Name] = l
		return
	case Forgotten:
		delete(v.kept, l.Name)
	case Sealed, Repaired:
		switch was := v.first[l.Name]; {
		case was != nil:
			v.contradict(was, l)
		case l.Event == Repaired && strings.HasPrefix(l.Reason, indexLost) && v.begun:
			v.contradicted[l.Name] = true
			v.problem("%s was added: the chain had no line of it when it was repaired on %s (line %d)", l.Name, minute(l.At), l.Number)
			fallthrough
		default:
			v.first[l.Name] = l
		}
	}
	lines[l.Name] = l
}

// contradict reports a line that says something else of a segment than the first one.
func (v *Verification) contradict(was, l *Line) {
	f := sealing{true, was.Bytes, was.Segment}
	if how := f.differs(l.Bytes, l.Segment); how != "" {
		v.contradicted[l.Name] = true
		v.problem("%s: %s between line %d (%s on %s) and line %d (%s on %s) of the chain", l.Name, how,
			was.Number, was.Event, minute(was.At), l.Number, l.Event, minute(l.At))
	}
}

// minute returns a time as problems have it.
func minute(t time.Time) string { return t.Format("2006-01-02 15:04") }

// verifySegment compares a segment with its line, which is nil if there is none.
func (r *Reader) verifySegment(ctx context.Context, v *Verification, name string, l *Line) error {
	switch {
	case l == nil:
		v.problem("%s was added: the chain has no line of it", name)
		return nil
	case l.Event != Sealed && l.Event != Repaired:
		v.Crash++ // between the line and the removal
		v.problem("%s is there, although it was %s on %s", name, l.Event, minute(l.At))
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
		v.Crash++ // or a damaged disk: it is made again of what is proven
		v.problem("the index of %s was changed or removed since it was sealed", name)
	case v.contradicted[name]: // said already
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
