package packetstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// KeptFile is a file in kept/.
type KeptFile struct {
	Name    string   // from the store's folder on
	Bytes   int64    // on the disk
	Qubes   []string // whose packets it has, by name; what begins with _ is an interface whose qube was not known
	Packets uint64

	first, last int64 // times of packets, Unix nanoseconds; 0 without any
}

// KeptOf returns the files in kept/ that have packets of a qube, by their names. It reads all of them, as
// far as they can be read, but those that are being written.
func (r *Reader) KeptOf(ctx context.Context, qube string) (files []KeptFile, err error) {
	entries, err := r.files.List(keptName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("looking at what is kept: %w", err)
	}
	for _, e := range entries {
		k := KeptFile{Name: keptName + "/" + e.Name()}
		if !e.Type().IsRegular() || r.beingKept(k.Name) {
			continue
		}
		if err := r.readKept(ctx, &k); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading %s: %w", k.Name, err)
		}
		if slices.Contains(k.Qubes, qube) {
			files = append(files, k)
		}
	}
	slices.SortFunc(files, func(a, b KeptFile) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// readKept reads a file in kept/, up to the first block that is damaged.
func (r *Reader) readKept(ctx context.Context, k *KeptFile) error {
	f, err := r.files.Open(k.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	k.Bytes = rounded(size)
	scan := pcapng.NewScanner(bufio.NewReaderSize(&cancelled{ctx, io.NewSectionReader(f, 0, size)}, 1<<18), 0)
	var b pcapng.Block
	for err = scan.Next(&b); err == nil; err = scan.Next(&b) {
		k.enter(&b)
	}
	slices.Sort(k.Qubes)
	if err == io.EOF || errors.Is(err, pcapng.ErrDamaged) {
		return nil
	}
	return err
}

// maxKeptQubes bounds the qubes of a file in kept/, which somebody else may have put there.
const maxKeptQubes = 1000

// enter takes over what a block says.
func (k *KeptFile) enter(b *pcapng.Block) {
	var i pcapng.Interface
	var p pcapng.Packet
	switch {
	case b.Type == pcapng.TypePacket && b.Packet(&p) == nil:
		if k.last = max(k.last, p.At); k.Packets == 0 || p.At < k.first {
			k.first = p.At
		}
		k.Packets++
	case b.Type == pcapng.TypeInterface && len(k.Qubes) < maxKeptQubes && b.Interface(&i) == nil:
		qube, _, _ := strings.Cut(i.Description, " (") // see describe
		if qube == unknownHolder {
			qube = "_" + i.Name
		}
		if !slices.Contains(k.Qubes, qube) {
			k.Qubes = append(k.Qubes, qube)
		}
	}
}

// ForgetKept removes a file in kept/, with a line in the chain.
func (r *Reader) ForgetKept(k *KeptFile, reason string) error {
	l := Line{Event: Forgotten, Name: k.Name, Bytes: k.Bytes, Packets: clamp(k.Packets), First: k.first, Last: k.last, Reason: reason}
	if err := r.line(&l); err != nil && !isFull(err) {
		return fmt.Errorf("forgetting %s: %w", k.Name, err)
	}
	if err := r.files.Remove(k.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting %s: %w", k.Name, err)
	}
	return nil
}

// isKept reports whether a line is about a file in kept/.
func (l *Line) isKept() bool { return strings.HasPrefix(l.Name, keptName+"/") }
