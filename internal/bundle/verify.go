package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Checked is what Verify has found.
type Checked struct {
	Manifest Manifest
	Entries  int      // that are as the manifest says
	Segments int      // of them, that are as the chain says
	Problems []string // made harmless; empty if all is well
}

// Bounds of what is read: a bundle may come from anywhere.
const (
	maxManifest = 128 << 20
	maxEntries  = 1 << 20
	maxProblems = 1000
)

// ErrNoBundle is wrapped by the error of [Verify] for what is no bundle.
var ErrNoBundle = errors.New("bundle: it is no bundle of qubesbeat pcap export")

// Verify reads a bundle, and compares its entries with its manifest, its segments with the
// chain, the lines of the chain with each other, and the last one with the anchor.
func Verify(ctx context.Context, in io.Reader) (*Checked, error) {
	in = &reader{ctx, in}
	r := tar.NewReader(in)
	if _, err := expect(r, ReadmeName); err != nil {
		return nil, err
	}
	readme := newSum(io.Discard)
	if _, err := io.Copy(readme, r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", ReadmeName, err)
	}
	c := &Checked{}
	if _, err := expect(r, ManifestName); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if len(text) > maxManifest || json.Unmarshal(text, &c.Manifest) != nil || c.Manifest.Bundle != 1 || len(c.Manifest.Entries) > maxEntries {
		return nil, fmt.Errorf("reading the manifest: %w, or of a later version", ErrNoBundle)
	}
	if want := c.Manifest.Readme; want != "" && want != readme.text() { // before it was there, it was not covered
		c.problem("%s was changed since the bundle was made", ReadmeName)
	}
	sealed := c.chain()
	c.consistent(sealed)
	if err := c.entries(r, sealed); err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	if err := c.end(in); err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	return c, nil
}

// consistent compares what the manifest says of qube and time with what it says of the segments.
func (c *Checked) consistent(sealed map[string]*line) {
	m := &c.Manifest
	if !m.From.IsZero() && !m.To.IsZero() && m.To.Before(m.From) {
		c.problem("the range of time ends before it begins")
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		if !strings.HasPrefix(e.Name, packetsPrefix) {
			continue
		}
		if e.Name != packetsPrefix+path.Base(e.Segment) {
			c.problem("%s is said to be %s", e.Name, e.Segment)
		}
		if qube := packetstore.Qube(e.Segment); qube != m.Qube {
			c.problem("%s is of the qube %s; the bundle is said to be of %s", e.Name, qube, m.Qube)
		}
		if l := sealed[e.Segment]; l != nil && !l.overlaps(m.From, m.To) {
			c.problem("%s has no packets of the time that the bundle is said to be of", e.Name)
		}
	}
}

// end looks for what is behind the end of the archive, which no program unpacks and nothing covers.
func (c *Checked) end(in io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Read(buf)
		if bytes.ContainsFunc(buf[:n], func(r rune) bool { return r != 0 }) {
			c.problem("there are bytes behind the end of the archive")
			return nil
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// expect reads the header of an entry of that name.
func expect(r *tar.Reader, name string) (*tar.Header, error) {
	h, err := r.Next()
	if err != nil || h.Name != name || h.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("looking for %s: %w", name, errors.Join(ErrNoBundle, err))
	}
	return h, nil
}

func (c *Checked) problem(form string, args ...any) {
	if len(c.Problems) < maxProblems {
		c.Problems = append(c.Problems, safetext.Line(fmt.Sprintf(form, args...)))
	}
}

// entries compares the entries with the manifest.
func (c *Checked) entries(r *tar.Reader, sealed map[string]*line) error {
	for i := range c.Manifest.Entries {
		e := &c.Manifest.Entries[i]
		h, err := r.Next()
		if err == io.EOF {
			c.problem("%s is missing, and what comes after it", e.Name)
			return nil
		}
		if err != nil {
			return err
		}
		if h.Name != e.Name || h.Typeflag != tar.TypeReg {
			c.problem("%s is there in place of %s; what comes after it is not checked", h.Name, e.Name)
			return nil
		}
		stored := packetstore.NewDigest()
		s := newSum(stored)
		if _, err := io.Copy(s, r); err != nil {
			return err
		}
		c.compare(e, s, stored, sealed[e.Segment])
	}
	if h, err := r.Next(); err == nil {
		c.problem("%s was added: the manifest does not have it", h.Name)
	} else if err != io.EOF {
		return err
	}
	return nil
}

// compare compares an entry with the manifest and with the chain.
func (c *Checked) compare(e *Entry, s *sum, stored *packetstore.Digest, l *line) {
	if s.n != e.Bytes || s.text() != e.SHA256 {
		c.problem("%s was changed since the bundle was made", e.Name)
		return
	}
	c.Entries++
	if !strings.HasPrefix(e.Name, packetsPrefix) {
		return
	}
	if how := l.unlike(stored); how != "" {
		c.problem("%s: %s", e.Name, how)
		return
	}
	c.Segments++
}

// unlike says why a segment with a digest is not the one that a line is about, which is nil if there is
// none, "" if it is.
func (l *line) unlike(stored *packetstore.Digest) string {
	switch {
	case l == nil:
		return "the chain has no line of it"
	case l.Segment == "":
		return "it was stored without a digest (packets.integrity)"
	case l.Segment != stored.String():
		return "it was changed after it was stored"
	}
	return ""
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	in  io.Reader
}

// Read implements [io.Reader].
func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(b)
}
