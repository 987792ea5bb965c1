package packetstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// SealedSegment is a sealed segment and what its head says, the zero value of what cannot be
// read.
type SealedSegment struct {
	Name        string // as lines of the chain have it
	First, Last time.Time
	Packets     uint32
	Qube        string // its name then, "" if it was not known
	UUID, Label string
	Description string // work (blue, AppVM, via sys-firewall)
	Vif         string
	Addresses   []netip.Addr
}

// Segments returns the sealed segments that have packets of a qube in a range of time, or of
// which that is not known because their index is missing, by their names. Zero times are
// no bounds.
func (r *Reader) Segments(qube string, from, to time.Time) (all []SealedSegment, err error) {
	q := Query{From: from, To: to}
	err = r.list(qube, func(s *stored) error {
		if s.open || s.lacking == nil && !q.overlaps(s.head.first, s.head.last) {
			return nil
		}
		one := SealedSegment{Name: s.name, Packets: s.head.packets}
		if s.lacking == nil {
			one.First, one.Last = time.Unix(0, s.head.first).UTC(), time.Unix(0, s.head.last).UTC()
		}
		all = append(all, one)
		return r.describe(&all[len(all)-1])
	})
	if err != nil {
		return nil, fmt.Errorf("listing segments: %w", err)
	}
	return all, nil
}

// describe adds what the head of a segment says, if it can be read.
func (r *Reader) describe(s *SealedSegment) error {
	if isEncrypted(s.Name) {
		return nil
	}
	f, err := r.openSegment(s.Name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errTable) {
		return nil // removed just now, or damaged
	} else if err != nil {
		return err
	}
	scan := pcapng.NewScanner(io.NewSectionReader(f, 0, pageSize), 0)
	if h, err := parseHead(scan); err == nil {
		s.Qube, s.UUID, s.Label, s.Description, s.Vif = h.Qube, h.UUID, h.Label, h.description, h.holder.Vif
		for b := new(pcapng.Block); scan.Next(b) == nil; {
			for _, n := range b.Names() {
				s.Addresses = append(s.Addresses, n.Addr)
			}
		}
	}
	return f.Close()
}

// WriteSegment writes a sealed segment as it is, and one that was compressed since it was listed
// as it was.
func (r *Reader) WriteSegment(ctx context.Context, out io.Writer, name string) error {
	f, err := r.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) && !isPacked(name) && !isEncrypted(name) {
		f, err = r.openSegment(name)
	}
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil {
		_, err = io.Copy(out, &cancelled{ctx, io.NewSectionReader(f, 0, size)})
	}
	return errors.Join(err, f.Close())
}

// Chain calls do for every line of the chain that can be read, in their order. raw is the line
// without its end, and valid during the call only.
func (r *Reader) Chain(do func(raw []byte, l *Line)) error {
	for _, name := range []string{oldChain, chainName} {
		f, err := r.files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fmt.Errorf("reading the chain: %w", err)
		}
		err = readLines(f, func(raw []byte, l *Line, damage error) {
			if damage == nil {
				do(raw, l)
			}
		})
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("reading the chain: %w", err)
		}
	}
	return nil
}
