package analyzer

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// node is a structure that may point to itself.
type node struct {
	next *node
	any  any
	_    [40]byte
}

// truth returns how many bytes of the heap a value takes.
func truth(tb testing.TB, build func() any) (size int, v any) {
	tb.Helper()
	before := heap()
	const copies = 64 // so that the runtime's own allocations do not count
	kept := make([]any, copies)
	for i := range kept {
		kept[i] = build()
	}
	size = (heap() - before - copies*16) / copies
	runtime.KeepAlive(kept)
	return size, kept[0]
}

// TestSizeOf compares with what the heap has grown by. Not parallel, for it
// measures the heap.
func TestSizeOf(t *testing.T) {
	text := func(i, n int) string { return strings.Repeat(string(rune('a'+i%26)), n) }
	tests := []struct {
		name  string
		build func() any
	}{
		{"bytes", func() any { return make([]byte, 20000) }},
		{"room of bytes", func() any { return make([]byte, 10, 20000) }},
		{"string", func() any { return text(0, 9000) }},
		{"pointer to a struct", func() any { return &node{any: make([]byte, 5000)} }},
		{"struct in an interface", func() any { return struct{ a, b []byte }{make([]byte, 4000), make([]byte, 3000)} }},
		{"array", func() any { return &[3][]byte{make([]byte, 4000), nil, make([]byte, 4000)} }},
		{"list of strings", func() any {
			all := make([]string, 200)
			for i := range all {
				all[i] = text(i, 100)
			}
			return all
		}},
		{"map", func() any {
			m := mapstr.M{}
			for i := range 300 {
				m[fmt.Sprint("key", i)] = text(i, 64)
			}
			return m
		}},
		{"map of pointers", func() any {
			m := map[int]*node{}
			for i := range 300 {
				m[i] = new(node)
			}
			return m
		}},
		{"linked list", func() any {
			var first *node
			for range 500 {
				first = &node{next: first, any: 12345}
			}
			return first
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want, v := truth(t, tt.build)
			if got := sizeOf(v); got < want/2 || got > want*2+64 {
				t.Errorf("sizeOf = %d; the heap has grown by %d", got, want)
			}
		})
	}
}

// TestSizeOf_bounds ends, whatever the value is, and leaves out what belongs to
// the analyzer.
func TestSizeOf_bounds(t *testing.T) {
	t.Parallel()
	ring := &node{}
	ring.next, ring.any = &node{next: ring}, ring
	loop := mapstr.M{"a": 1}
	loop["self"] = loop
	own := []any{nil}
	own[0] = own
	big := make([]any, 1<<20)
	for i := range big {
		big[i] = i
	}
	deep := &node{}
	for range 1 << 20 {
		deep = &node{next: deep}
	}
	var none *node
	type holder struct {
		plugin *journal
		cache  *common.Cache
		fn     func()
		ch     chan int
		data   []byte
	}
	tests := []struct {
		name        string
		in          any
		least, most int
	}{
		{"nil", nil, 0, 0},
		{"nil pointer", none, 0, 0},
		{"number", 7, 0, 16},
		{"ring", ring, 100, 400},
		{"map in itself", loop, 10, 1000},
		{"list in itself", own, 16, 64},
		{"more steps than allowed", big, 1 << 20, 64 << 20},
		{"depth beyond measure", deep, 1 << 20, 64 << 20},
		{"plugin and cache", &holder{plugin: &journal{calls: make([]string, 1000)}, cache: common.NewCache(1, 1<<16), fn: func() {}, ch: make(chan int, 1000),
			data: make([]byte, 100)}, 100, 250},
		{"shared memory is counted once", func() any { b := make([]byte, 1000); return [][]byte{b, b, b} }(), 1000, 1200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := sizeOf(tt.in); got < tt.least || got > tt.most {
				t.Errorf("sizeOf = %d; want %d to %d", got, tt.least, tt.most)
			}
		})
	}
}
