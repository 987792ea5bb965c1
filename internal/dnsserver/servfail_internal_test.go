package dnsserver

import "testing"

func TestAppendServFail(t *testing.T) {
	t.Parallel()
	const head, question = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", "\x01a\x00\x00\x01\x00\x01"
	const want = "\x12\x34\x81\x82\x00\x01\x00\x00\x00\x00\x00\x00"
	const bare = "\x12\x34\x81\x82\x00\x00\x00\x00\x00\x00\x00\x00"
	tests := []struct{ name, msg, want string }{
		{"query", head + question, want + question},
		{"more behind the question", head + question + "junk", want + question},
		{"no header", head[:11], ""},
		{"no question", head, bare},
		{"name without end", head + "\x3f", bare},
		{"question cut", head + question[:6], bare},
		{"pointer", head + "\xc0\x0c\x00\x01\x00\x01", bare},
		{"answer", "\x12\x34\x81\x80" + head[4:] + question, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(appendServFail(nil, []byte(tt.msg))); got != tt.want {
				t.Errorf("appendServFail(%q) = %q; want %q", tt.msg, got, tt.want)
			}
		})
	}
}
