package textmark_test

import (
	"errors"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

func TestTrim(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "a": "a", "\xef\xbb\xbfa": "a", "\xef\xbb": "\xef\xbb", "a\xef\xbb\xbf": "a\xef\xbb\xbf"} {
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
