package eventfile_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// read reads all lines: "number:end:text", with ... for one that is too long.
func read(t *testing.T, r io.Reader, most int) (all []string) {
	t.Helper()
	l := eventfile.NewLines(r, most)
	for {
		line, tooLong, err := l.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text := string(line)
		if tooLong {
			if len(line) != most || strings.Trim(text, text[:1]) != "" && !strings.HasPrefix("123456", text) {
				t.Errorf("line %d is too long; %d bytes of it are returned, want the first %d", l.Number, len(line), most)
			}
			text = "..."
		}
		all = append(all, fmt.Sprintf("%d:%d:%s", l.Number, l.End, text))
	}
}

// TestLines numbers lines, and passes over those that are too long.
func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200_000)
	for _, tt := range []struct {
		name, text string
		most       int
		want       []string
	}{
		{"empty", "", 10, nil},
		{"lines", "a\n\r\nb\r\n\nc", 10, []string{"1:2:a", "2:4:", "3:7:b", "4:8:", "5:9:c"}},
		{"exactly", "12345\n123456\n1", 5, []string{"1:6:12345", "2:13:...", "3:14:1"}},
		{"long", "a\n" + long + "\nb\n", 200_000, []string{"1:2:a", "2:200003:" + long, "3:200005:b"}},
		{"too long", "a\n" + long + "\nb\n", 199_999, []string{"1:2:a", "2:200003:...", "3:200005:b"}},
		{"too long at the end", "a\n" + long, 70_000, []string{"1:2:a", "2:200002:..."}},
		{"long, then short", long + "\nb\n" + long + "\nc\n", 200_000, []string{"1:200001:" + long, "2:200003:b", "3:400004:" + long, "4:400006:c"}},
	} {
		for _, r := range []io.Reader{strings.NewReader(tt.text), iotest.HalfReader(strings.NewReader(tt.text))} {
			if diff := cmp.Diff(tt.want, read(t, r, tt.most)); diff != "" {
				t.Errorf("%s: lines mismatch (-want +got):\n%.500s", tt.name, diff)
			}
		}
	}
}

// TestLines_error returns a fault of the file.
func TestLines_error(t *testing.T) {
	t.Parallel()
	fault := errors.New("disk on fire")
	l := eventfile.NewLines(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(fault)), 10)
	_, _, first := l.Next()
	if _, _, err := l.Next(); first != nil || !errors.Is(err, fault) {
		t.Errorf("Next = %v, then %v; want nil, then %v", first, err, fault)
	}
}

// TestOpen reads a file in each form, whatever its name.
func TestOpen(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a line\n", 1000)
	var gz, zst bytes.Buffer
	for _, w := range []io.WriteCloser{gzip.NewWriter(&gz), must(zstd.NewWriter(&zst))} {
		_, err := io.WriteString(w, text)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string][]byte{"plain": []byte(text), "gzip": gz.Bytes(), "zstd": zst.Bytes(), "twice": append(append([]byte(nil), zst.Bytes()...), zst.Bytes()...), "empty": nil} {
		path := filepath.Join(t.TempDir(), "events.ndjson")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := eventfile.Open(path, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(in)
		want := map[string]string{"twice": text + text, "empty": ""}
		if w, ok := want[name]; ok && string(got) != w || !ok && string(got) != text || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if in.Size != int64(len(content)) || in.BytesRead() != in.Size || in.Name != path {
			t.Errorf("%s: %d of %d bytes of %s; want %d", name, in.BytesRead(), in.Size, in.Name, len(content))
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	if in, err := eventfile.Open("-", bytes.NewReader(gz.Bytes())); err != nil || in.Name != "standard input" || in.Size != 0 {
		t.Errorf("Open(-) = %v, %v", in, err)
	} else if got, err := io.ReadAll(in); string(got) != text || err != nil {
		t.Errorf("standard input has %d bytes, %v", len(got), err)
	}
}

func must(w *zstd.Encoder, _ error) *zstd.Encoder { return w }

// TestOpen_bad names what cannot be read.
func TestOpen_bad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	var huge bytes.Buffer // a frame that wants a window of a gigabyte
	huge.Write([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0})
	for content, want := range map[string]string{"\x1f\x8bx": "decompressing", huge.String(): "window"} {
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := eventfile.Open(bad, nil)
		if err == nil {
			_, err = io.ReadAll(in)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", content, err, want)
		}
	}
	for path, want := range map[string]string{dir: "is a directory", filepath.Join(dir, "none"): "no such file"} {
		if _, err := eventfile.Open(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) = %v; want %s", path, err, want)
		}
	}
}

// TestOpen_growing reads what was there when it was opened.
func TestOpen_growing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := eventfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := os.WriteFile(path, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(in); string(got) != "a\n" || err != nil {
		t.Errorf("read %q, %v; want the first line", got, err)
	}
}
