package bundle

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// Part is a file that goes into a bundle.
type Part struct {
	Name    string
	Segment string // its name in the chain, "" if it is no segment
	// Write writes the content. It is called twice, and must write the same.
	Write func(io.Writer) error
}

// ErrChanged is wrapped by the error of [Write] if a part was not the same at the second
// time: a segment was removed meanwhile, or a file has changed.
var ErrChanged = errors.New("bundle: a file has changed while it was read; try again")

// Write writes a bundle: readme, the manifest, whose Entries it sets, and the parts, in their
// order. It reads every part twice, first for its digest, so that out may be a pipe.
func Write(out io.Writer, readme string, m *Manifest, parts []Part) error {
	m.Entries = nil
	for i := range parts {
		s := newSum(io.Discard)
		if err := parts[i].Write(s); err != nil {
			return fmt.Errorf("reading %s: %w", parts[i].Name, err)
		}
		m.Entries = append(m.Entries, Entry{Name: parts[i].Name, Bytes: s.n, SHA256: s.text(), Segment: parts[i].Segment})
	}
	text := newSum(io.Discard)
	_, _ = io.WriteString(text, readme) // never fails
	m.Readme = text.text()
	manifest, err := m.encode()
	if err != nil {
		return fmt.Errorf("making the manifest: %w", err)
	}
	w := tar.NewWriter(out)
	for _, one := range []struct {
		name string
		text []byte
	}{{ReadmeName, []byte(readme)}, {ManifestName, manifest}} {
		if err := w.WriteHeader(header(one.name, int64(len(one.text)))); err != nil {
			return fmt.Errorf("writing %s: %w", one.name, err)
		}
		if _, err := w.Write(one.text); err != nil {
			return fmt.Errorf("writing %s: %w", one.name, err)
		}
	}
	for i := range parts {
		if err := write(w, &parts[i], &m.Entries[i]); err != nil {
			return fmt.Errorf("writing %s: %w", parts[i].Name, err)
		}
	}
	return w.Close()
}

// write writes a part.
func write(w *tar.Writer, p *Part, e *Entry) error {
	if err := w.WriteHeader(header(e.Name, e.Bytes)); err != nil {
		return err
	}
	s := newSum(w)
	err := p.Write(s)
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && (s.n != e.Bytes || s.text() != e.SHA256) {
		return ErrChanged
	}
	return err
}

// header returns the header of an entry, which has no time and no owner, so that the same
// content gives the same bytes.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: time.Unix(0, 0).UTC(), Typeflag: tar.TypeReg}
}

// sum counts and digests what is written.
type sum struct {
	out io.Writer
	sha hash.Hash
	n   int64
}

func newSum(out io.Writer) *sum { return &sum{out: out, sha: sha256.New()} }

// Write implements [io.Writer].
func (s *sum) Write(b []byte) (int, error) {
	n, err := s.out.Write(b)
	_, _ = s.sha.Write(b[:n]) // never fails
	s.n += int64(n)
	return n, err
}

func (s *sum) text() string { return hex.EncodeToString(s.sha.Sum(nil)) }
