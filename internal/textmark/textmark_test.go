package textmark_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

func TestTrim(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "a": "a", "\xef\xbb\xbfa": "a", "\xef\xbb\xbf\xef\xbb\xbfa": "a", "\xef\xbb": "\xef\xbb", "a\xef\xbb\xbf": "a\xef\xbb\xbf"} {
		if got, err := textmark.Trim([]byte(in)); string(got) != want || err != nil {
			t.Errorf("Trim(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"\xff\xfea\x00", "\xfe\xff\x00a", "\xff\xfe\x00\x00a\x00\x00\x00", "\x00\x00\xfe\xff\x00\x00\x00a"} {
		if _, err := textmark.Trim([]byte(in)); !errors.Is(err, textmark.ErrUTF16) {
			t.Errorf("Trim(%q): %v; want %v", in, err, textmark.ErrUTF16)
		}
	}
}

// TestKind names what is no text in UTF-8, and nothing else.
func TestKind(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "a": "", "a.example\n": "", "\xef\xbb\xbfa": "", "\xff": "", "BZ": "",
		"\xff\xfea\x00": "UTF-16", "a\x00b\x00": "UTF-16", "\x00a\x00b\x00": "UTF-16", "\x00\x00\xfe\xff\x00": "UTF-16",
		"\x1f\x8b\x08": "gzip", "BZh9": "bzip2", "\xfd7zXZ\x00": "xz", "\x28\xb5\x2f\xfd": "zstd", "PK\x03\x04": "zip", "%PDF-1": "PDF",
		"text with \x00": "binary",
	} {
		if got := textmark.Kind([]byte(in)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("Kind(%q) = %q; want %q", in, got, want)
		}
	}
}
