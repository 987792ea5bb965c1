package eventfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// Stdin is the name that stands for standard input.
const Stdin = "-"

// maxWindow bounds the memory that a file compressed with zstd may ask for. It is four
// times what the highest level of the program zstd uses without --long.
const maxWindow = 32 << 20

// Input is a file that is open for reading. Read returns its content, decompressed if it
// is a file of gzip or zstd, which is known by its first bytes and not by its name.
type Input struct {
	io.Reader
	// Name is the path, or "standard input".
	Name string
	// Size is how many bytes the file has on the disk, 0 if that is not known.
	Size int64

	read    atomic.Int64
	raw     io.Writer
	closers []func() error
}

// Open opens a file, or stdin if path is "-". Of a file that grows it reads what is there
// by now. The caller closes it.
func Open(path string, stdin io.Reader) (*Input, error) { return OpenCopy(path, stdin, nil) }

// OpenCopy is like [Open], and writes what is read of the file, as it is on the disk, to
// raw, such as a hash, which may be nil. Once Read has returned [io.EOF], that is all.
func OpenCopy(path string, stdin io.Reader, raw io.Writer) (*Input, error) {
	if path == Stdin {
		return newInput(&Input{Name: "standard input", raw: raw}, stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory; name its files", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	in := &Input{Name: path, raw: raw, closers: []func() error{f.Close}}
	var r io.Reader = f
	if info.Mode().IsRegular() {
		in.Size = info.Size()
		r = io.LimitReader(f, info.Size())
	}
	return newInput(in, r)
}

// newInput finds out how r is compressed.
func newInput(in *Input, r io.Reader) (*Input, error) {
	const bufferBytes = 256 << 10
	raw := bufio.NewReaderSize(&countingReader{r, &in.read, in.raw}, bufferBytes)
	head, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", in.Name, err), in.Close())
	}
	in.Reader = raw
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		in.Reader, err = gzip.NewReader(raw)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var d *zstd.Decoder
		d, err = zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			in.Reader = d
			in.closers = append(in.closers, func() error { d.Close(); return nil })
		}
	default:
		err = nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decompressing %s: %w", in.Name, err), in.Close())
	}
	return in, nil
}

// BytesRead returns how many bytes of the file, as it is on the disk, have been read. It
// is safe for concurrent use.
func (in *Input) BytesRead() int64 { return in.read.Load() }

// Close closes the file.
func (in *Input) Close() error {
	var errs []error
	for i := len(in.closers) - 1; i >= 0; i-- {
		errs = append(errs, in.closers[i]())
	}
	in.closers = nil
	return errors.Join(errs...)
}

// countingReader counts what is read, and copies it to raw unless that is nil.
type countingReader struct {
	io.Reader
	n   *atomic.Int64
	raw io.Writer
}

// Read implements [io.Reader].
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	if c.raw != nil {
		if _, failure := c.raw.Write(p[:n]); failure != nil {
			return n, failure
		}
	}
	return n, err
}
