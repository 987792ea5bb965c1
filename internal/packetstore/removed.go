package packetstore

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"time"
)

// maxRemoved bounds what Removed returns.
const maxRemoved = 1000

// Removed returns what the chain says of segments that were removed and had packets in a
// range of time: of a qube, or of all if qube is "". Of more than 1,000 it returns the last
// ones. Zero times are no bounds.
func (r *Reader) Removed(qube string, from, to time.Time) (lines []Line, err error) {
	q := Query{From: from, To: to}
	for _, name := range []string{oldChain, chainName} {
		f, err := r.files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		err = readLines(f, func(_ []byte, l *Line, damage error) {
			gone := damage == nil && (l.Event == Evicted || l.Event == Forgotten) && !l.isKept()
			if !gone || qube != "" && path.Dir(l.Name) != folderOf(qube) || !q.overlaps(l.First, l.Last) {
				return
			}
			if len(lines) == maxRemoved {
				lines = lines[1:]
			}
			lines = append(lines, *l)
		})
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// Gone returns what [Reader.Removed] does for the qubes and times of a result: which of the
// segments that it could have had are not there any more, in the order of the chain.
func (r *Reader) Gone(res *Result) (lines []Line, err error) {
	for _, q := range res.queries {
		some, err := r.Removed(q.Qube, q.From, q.To)
		if err != nil {
			return nil, err
		}
		lines = append(lines, some...)
	}
	slices.SortFunc(lines, func(a, b Line) int { return cmp.Compare(a.Number, b.Number) })
	return slices.Compact(lines), nil
}

// Qube returns the qube of a segment by the name that a [Line] or a [FoundFlow] has.
func Qube(segment string) string { return qubeOf(path.Dir(segment)) }
