package packetstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"filippo.io/age"
)

// ErrLocked is wrapped by errors about segments that are encrypted, if no key that was
// given to [Reader.Unlock] opens them.
var ErrLocked = errors.New("packetstore: encrypted")

// errAge is wrapped by errors about what is no age file, or does not have all of its head.
var errAge = errors.New("decrypting: no whole head")

// Unlock reads private keys of age (AGE-SECRET-KEY-1...), one a line, with which the Reader
// decrypts segments.
func (r *Reader) Unlock(keys io.Reader) error {
	ids, err := age.ParseIdentities(keys)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	r.keys = append(r.keys, ids...)
	return nil
}

// openSegment opens a segment for reading forward, decrypted if it is encrypted, and decompressed
// if it is compressed.
func (r *Reader) openSegment(name string) (file, error) {
	f, err := r.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) && !isEncrypted(name) && !isPacked(name) { // it was compressed just now
		name = packedName(name)
		f, err = r.files.Open(name)
	}
	switch {
	case err != nil:
		return nil, err
	case isPacked(name):
		u, err := unpack(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return u, nil
	case !isEncrypted(name):
		return f, nil
	}
	text, err := r.decrypt(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &decrypted{file: f, text: text}, nil
}

// decrypt returns the text of a file.
func (r *Reader) decrypt(f file) (io.Reader, error) {
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("%w, and no key was given", ErrLocked)
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	text, err := age.Decrypt(io.NewSectionReader(f, 0, size), r.keys...)
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, fmt.Errorf("%w to another key than the one that was given", ErrLocked)
	} else if fault := (*fs.PathError)(nil); errors.As(err, &fault) {
		return nil, fmt.Errorf("decrypting: %w", err)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", errAge, err)
	}
	return text, nil
}

// decrypted is a file that is decrypted while it is read. What is before the offset of the
// last call cannot be read again.
type decrypted struct {
	file
	text io.Reader
	buf  []byte // of the text, from base on
	base int64
	err  error // behind buf
}

// ReadAt implements [io.ReaderAt], forward. Behind the last chunk that is whole it returns
// io.EOF: who has no key may have cut the file there, to repair it.
func (d *decrypted) ReadAt(b []byte, at int64) (int, error) {
	if at < d.base {
		return 0, fmt.Errorf("packetstore: reading at %d, before %d", at, d.base)
	}
	for d.err == nil && d.base+int64(len(d.buf)) < at+int64(len(b)) {
		d.forget(at)
		d.more()
	}
	d.forget(at)
	if at > d.base {
		return 0, d.err
	}
	if n := copy(b, d.buf); n == len(b) {
		return n, nil
	} else {
		return n, d.err
	}
}

// forget drops what is before an offset.
func (d *decrypted) forget(at int64) {
	n := min(at-d.base, int64(len(d.buf)))
	d.buf = d.buf[:copy(d.buf, d.buf[n:])]
	d.base += n
}

// more reads on.
func (d *decrypted) more() {
	var part [ageChunk]byte
	n, err := d.text.Read(part[:])
	d.buf = append(d.buf, part[:n]...)
	if d.err = err; errors.Is(err, io.ErrUnexpectedEOF) {
		d.err = io.EOF
	}
}
