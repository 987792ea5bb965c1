package packetstore

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
)

// Bounds of encryption. A recipient takes some 100 bytes of a file.
const (
	maxRecipients = 16
	ageChunk      = 64 << 10      // bytes that age encrypts at once
	ageSealed     = ageChunk + 16 // what they take in the file
	cipherSize    = 2 * chunkSize // what one chunk makes, with what was kept of the one before
)

// recipientsOf parses public keys of age (age1...).
func recipientsOf(keys []string) (all []age.Recipient, err error) {
	if len(keys) > maxRecipients {
		return nil, fmt.Errorf("%d keys to encrypt to; at most %d", len(keys), maxRecipients)
	}
	for _, k := range keys {
		r, err := age.ParseX25519Recipient(k)
		if err != nil {
			return nil, fmt.Errorf("reading a key to encrypt to: %w", err)
		}
		all = append(all, r)
	}
	return all, nil
}

// encrypted is the encryption of a segment. Its file has complete chunks of age, never a
// part of one that is written again: two texts under one nonce would show what differs.
// So the last 64 KiB wait in memory until the segment is sealed.
type encrypted struct {
	in    io.WriteCloser // nil once the end is encrypted
	stage []byte         // what in writes; in the writer's buffer, during one call
	rest  []byte         // of it, what is not on the disk yet: less than a page, unless a write failed
	at    int64          // where in the file rest begins, a multiple of pageSize

	promised [2]promise
}

// promise is packets that are on the disk once the segment is, up to an offset of its text.
type promise struct {
	tally
	end int64
}

// Write implements [io.Writer], for age.
func (e *encrypted) Write(b []byte) (int, error) {
	if len(e.stage)+len(b) > cap(e.stage) {
		return 0, errors.New("packetstore: no room for what is encrypted")
	}
	e.stage = append(e.stage, b...)
	return len(b), nil
}

// encrypt begins the encryption of a segment.
func (s *Store) encrypt(g *segment) (err error) {
	e := &encrypted{stage: s.w.cipher[:0]}
	if e.in, err = age.Encrypt(e, s.recipients...); err != nil {
		return fmt.Errorf("encrypting a segment: %w", err)
	}
	e.rest, e.stage = slices.Clone(e.stage), nil
	g.enc = e
	return nil
}

// putEncrypted encrypts the next bytes of a segment, and writes the pages that are complete.
// After an error it is called again, with nothing that was given before.
func (s *Store) putEncrypted(g *segment, b []byte) error {
	e := g.enc
	if len(e.rest) >= pageSize {
		if err := s.drain(g, append(s.w.cipher[:0], e.rest...)); err != nil {
			return err
		}
	}
	if len(b) == 0 {
		return nil
	}
	e.stage = append(s.w.cipher[:0], e.rest...)
	_, err := e.in.Write(b)
	buf := e.stage
	e.stage = nil
	if err != nil {
		return err
	}
	g.done += int64(len(b))
	return s.drain(g, buf)
}

// drain writes the complete pages of buf, which begins where the file ends, and keeps the rest.
func (s *Store) drain(g *segment, buf []byte) error {
	e := g.enc
	n := len(buf) &^ (pageSize - 1)
	if n > 0 {
		if err := s.put(g, buf[:n], e.at); err != nil {
			e.rest = slices.Clone(buf)
			return err
		}
		g.addSum(buf[:n])
		e.at += int64(n)
	}
	if cap(e.rest) > pageSize {
		e.rest = nil
	}
	e.rest = append(e.rest[:0], buf[n:]...)
	s.redeem(g)
	return nil
}

// endEncrypted encrypts the end of a segment, and writes it. After an error it is called
// again.
func (s *Store) endEncrypted(g *segment, tail []byte) error {
	e := g.enc
	if e.in != nil {
		if err := s.putEncrypted(g, nil); err != nil { // what could not be written before
			return err
		}
		e.stage = append(s.w.cipher[:0], e.rest...)
		_, err := e.in.Write(tail)
		err = errors.Join(err, e.in.Close())
		e.rest, e.stage, e.in = slices.Clone(e.stage), nil, nil
		if err != nil {
			return err
		}
	}
	n := len(e.rest)
	page := append(s.w.cipher[:0], e.rest...)[:rounded(int64(n))]
	clear(page[n:])
	if err := s.put(g, page, e.at); err != nil {
		return err
	}
	g.addSum(e.rest)
	g.size = e.at + int64(n)
	g.digest = g.sumText()
	e.rest = nil
	return nil
}

// promise takes over packets that are on the disk once the text up to end is.
func (e *encrypted) promise(t *tally, end int64) {
	p := &e.promised[1]
	if e.promised[0].tally == (tally{}) {
		p = &e.promised[0]
	}
	p.merge(t)
	p.end = end
	*t = tally{}
}

// redeem counts the packets whose chunks of age are on the disk.
func (s *Store) redeem(g *segment) {
	e := g.enc
	onDisk := max(e.at-ageSealed, 0) / ageSealed * ageChunk // the header is shorter than a chunk
	s.mu.Lock()
	defer s.mu.Unlock()
	for e.promised[0].end > 0 && e.promised[0].end <= onDisk {
		s.written(g, &e.promised[0].tally)
		e.promised = [2]promise{e.promised[1]}
	}
}

// credit counts packets of a segment that were written up to an offset.
func (s *Store) credit(g *segment, t *tally, end int64) {
	if g.enc != nil && g.size == 0 {
		g.enc.promise(t, end)
		return
	}
	s.written(g, t)
}
