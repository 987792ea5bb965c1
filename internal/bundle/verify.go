package bundle

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	r := tar.NewReader(&reader{ctx, in})
	if _, err := expect(r, ReadmeName); err != nil {
		return nil, err
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
	digests := c.chain()
	if err := c.entries(r, digests); err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	return c, nil
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
func (c *Checked) entries(r *tar.Reader, digests map[string]string) error {
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
		c.compare(e, s, stored, digests)
	}
	if h, err := r.Next(); err == nil {
		c.problem("%s was added: the manifest does not have it", h.Name)
	} else if err != io.EOF {
		return err
	}
	return nil
}

// compare compares an entry with the manifest and with the chain.
func (c *Checked) compare(e *Entry, s *sum, stored *packetstore.Digest, digests map[string]string) {
	if s.n != e.Bytes || s.text() != e.SHA256 {
		c.problem("%s was changed since the bundle was made", e.Name)
		return
	}
	c.Entries++
	if !strings.HasPrefix(e.Name, packetsPrefix) {
		return
	}
	switch want, ok := digests[e.Segment]; {
	case !ok:
		c.problem("%s: the chain has no line of %s", e.Name, e.Segment)
	case want == "":
		c.problem("%s: it was stored without a digest (packets.integrity)", e.Name)
	case want != stored.String():
		c.problem("%s was changed after it was stored", e.Name)
	default:
		c.Segments++
	}
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
