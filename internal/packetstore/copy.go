package packetstore

import (
	"bufio"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// CopyOptions say what Copy writes.
type CopyOptions struct {
	Program string // that writes the file
	Comment string
	Link    uint16 // of the packets; 0 takes that of the first part. A file with several is refused by tcpdump
	Limit   int64  // bytes; default 1 GiB
}

// Copied says what Copy has written.
type Copied struct {
	Packets   uint64
	Cut       uint64 // of them shorter than on the wire
	Cuts      []Cut  // of them, by reason
	Bytes     int64  // of the file
	First     int64  // time of the earliest packet, Unix nanoseconds; 0 without any
	Last      int64  // of the latest
	OtherLink int    // segments that were left out for their link type
	Limited   bool   // there is more than the limit allows
	Damaged   []error
	Locked    []string // segments that are encrypted, and no key opens them; of Damaged, too
}

// Add adds what another Copy of the same result has written: that of another link type, so
// that no segment was left out for its link type by both.
func (c *Copied) Add(o *Copied) {
	c.Packets, c.Cut, c.Bytes = c.Packets+o.Packets, c.Cut+o.Cut, c.Bytes+o.Bytes
	c.Limited = c.Limited || o.Limited
	c.Damaged = append(c.Damaged, o.Damaged...)
	for i := range o.Cuts {
		at := slices.IndexFunc(c.Cuts, func(one Cut) bool { return one.Why == o.Cuts[i].Why })
		if at < 0 {
			c.Cuts = append(c.Cuts, o.Cuts[i])
		} else {
			c.Cuts[at].add(&o.Cuts[i])
		}
	}
}

// errLimit ends a copy at its limit.
var errLimit = errors.New("limit")

// Copy writes the packets of a result as one pcapng file, in the order of their times as
// far as that of each segment is, with the interfaces as they were called at the time.
func (r *Reader) Copy(ctx context.Context, out io.Writer, res *Result, o CopyOptions) (Copied, error) {
	if o.Limit <= 0 {
		o.Limit = 1 << 30
	}
	c := copier{ctx: ctx, reader: r, res: res, o: o, out: bufio.NewWriterSize(out, 1<<18), ifaces: map[string]uint32{}}
	err := c.run()
	if errors.Is(err, errLimit) {
		c.done.Limited, err = true, nil
	}
	for _, cur := range c.active {
		_ = cur.close()
	}
	if err == nil {
		err = c.out.Flush()
	}
	if err != nil {
		return c.done, fmt.Errorf("copying packets: %w", err)
	}
	return c.done, nil
}

// copier is a copy under way.
type copier struct {
	ctx    context.Context
	reader *Reader
	res    *Result
	o      CopyOptions
	out    *bufio.Writer
	active cursors // by the time of their packet
	ifaces map[string]uint32
	buf    []byte
	done   Copied
}

func (c *copier) run() error {
	c.buf = pcapng.AppendSection(c.buf[:0], &pcapng.Section{Program: c.o.Program, Comment: c.o.Comment})
	if err := c.write(); err != nil {
		return err
	}
	parts := slices.Clone(c.res.parts)
	for len(parts) > 0 || len(c.active) > 0 {
		for len(parts) > 0 && (len(c.active) == 0 || parts[0].head.first <= c.active[0].packet.At) {
			if err := c.activate(parts[0]); err != nil {
				return err
			}
			parts = parts[1:]
		}
		if len(c.active) == 0 {
			continue
		}
		if err := c.one(); err != nil {
			return err
		}
	}
	return nil
}

// activate opens a part.
func (c *copier) activate(p part) error {
	if p.linked() && c.o.Link == 0 {
		c.o.Link = p.head.link
	}
	if p.linked() && p.head.link != c.o.Link {
		c.done.OtherLink++
		return nil
	}
	cur, err := c.reader.openCursor(p, p.of.wants)
	if err != nil {
		if errors.Is(err, ErrLocked) {
			c.done.Locked = append(c.done.Locked, p.name)
		}
		c.done.Damaged = append(c.done.Damaged, fmt.Errorf("%s: %w", p.name, err))
		return nil
	}
	if c.o.Link == 0 {
		c.o.Link = cur.head.link
	}
	if cur.head.link != c.o.Link {
		c.done.OtherLink++
		return cur.close()
	}
	return c.advance(cur, func() { heap.Push(&c.active, cur) })
}

// wants reports whether the query asks for a packet.
func (q *Query) wants(link uint16, p *pcapng.Packet) bool {
	if !q.overlaps(p.At, p.At) || q.Match != nil && !q.Match(link, p.Data) {
		return false
	}
	return true
}

// advance goes to the next packet of a cursor and calls then, or closes it if there is
// none.
func (c *copier) advance(cur *cursor, then func()) error {
	for {
		switch err := cur.next(); {
		case err == io.EOF:
			return cur.close()
		case err != nil:
			c.done.Damaged = append(c.done.Damaged, fmt.Errorf("%s: %w", cur.name, err))
			return cur.close()
		case !cur.scan || cur.flows.frame(cur.head.link, cur.packet.Data):
			then()
			return nil
		}
		if err := c.ctx.Err(); err != nil {
			return errors.Join(err, cur.close())
		}
	}
}

// one writes the earliest packet.
func (c *copier) one() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	cur := c.active[0]
	p := cur.packet
	c.buf = c.buf[:0]
	p.Interface = c.iface(cur)
	c.buf = pcapng.AppendPacket(c.buf, &p)
	if err := c.write(); err != nil {
		return err
	}
	c.done.Packets++
	if c.done.Last = max(c.done.Last, p.At); c.done.Packets == 1 || p.At < c.done.First {
		c.done.First = p.At
	}
	if len(p.Data) < int(p.Length) {
		c.done.noteCut(&p, cur.head.Most)
	}
	more := false
	if err := c.advance(cur, func() { more = true }); err != nil {
		return err
	}
	if more {
		heap.Fix(&c.active, 0)
	} else {
		heap.Pop(&c.active)
	}
	return nil
}

// iface returns the number of a cursor's interface, which is described first if it is new.
func (c *copier) iface(cur *cursor) uint32 {
	h := &cur.head
	id := h.holder.Vif + "\x00" + h.Folder
	n, ok := c.ifaces[id]
	if !ok {
		n = uint32(len(c.ifaces))
		c.ifaces[id] = n
		c.buf = pcapng.AppendInterface(c.buf, &pcapng.Interface{LinkType: h.link, Name: h.holder.Vif, Description: h.description})
		if len(cur.names) > 0 {
			c.buf = pcapng.AppendNames(c.buf, cur.names, "")
		}
	}
	return n
}

// write writes the buffer, if the limit allows.
func (c *copier) write() error {
	if c.done.Bytes+int64(len(c.buf)) > c.o.Limit {
		return errLimit
	}
	n, err := c.out.Write(c.buf)
	c.done.Bytes += int64(n)
	return err
}

// cursors is a heap of cursors.
type cursors []*cursor

// Len implements [heap.Interface].
func (c cursors) Len() int { return len(c) }

// Less implements [heap.Interface].
func (c cursors) Less(i, j int) bool { return c[i].packet.At < c[j].packet.At }

// Swap implements [heap.Interface].
func (c cursors) Swap(i, j int) { c[i], c[j] = c[j], c[i] }

// Push implements [heap.Interface].
func (c *cursors) Push(x any) { *c = append(*c, x.(*cursor)) }

// Pop implements [heap.Interface].
func (c *cursors) Pop() any {
	old := *c
	last := old[len(old)-1]
	*c = old[:len(old)-1]
	return last
}
