package dnspolicy_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestSnapshot_memory gives a thousand qubes a policy of their own with half of 128
// lists. The lists are in memory once, and a policy costs a few kilobytes. It is not
// parallel, because it measures memory.
func TestSnapshot_memory(t *testing.T) {
	const lists, qubes, names = 128, 1000, 1000
	c := &dnspolicy.Config{Upstreams: []string{"default"}}
	texts := make([]string, lists)
	for i := range lists {
		var text strings.Builder
		for k := range names {
			fmt.Fprintf(&text, "n%d.l%d.example\n", k, i)
		}
		texts[i] = text.String()
		c.Lists = append(c.Lists, dnspolicy.List{Name: fmt.Sprint("l", i), Deny: []blocklist.Source{blocklist.Source(i)}})
	}
	st := dnspolicy.State{Version: 1, Table: table(t, texts...)}
	for i := range qubes {
		q := &qube.Qube{Name: fmt.Sprint("q", i), IP: netip.AddrFrom4([4]byte{10, 137, byte(i >> 8), byte(i)})}
		r := dnspolicy.Rule{Qubes: []string{q.Name}}
		for k := range lists / 2 {
			r.Lists = append(r.Lists, fmt.Sprint("l", (i+k*(1+i/lists))%lists))
		}
		st.Qubes, c.Rules = append(st.Qubes, q), append(c.Rules, r)
	}
	if size := st.Table.Size(); size > 2*lists*names*10 {
		t.Errorf("a table of %d names takes %d bytes", lists*names, size)
	}
	before := inUse()
	s := c.New(st)
	if used := int(inUse() - before); used > qubes*4096 {
		t.Errorf("the policies of %d qubes take %d bytes; want at most 4096 for each", qubes, used)
	} else {
		t.Logf("%d bytes for each of %d qubes", used/qubes, qubes)
	}
	if s.Table != st.Table || s.Client(st.Qubes[0].IP).Policy == s.Client(st.Qubes[1].IP).Policy {
		t.Error("the snapshot has another table, or one policy for different rules")
	}
	// Clients that the inventory does not know do not add up.
	for i := range 100_000 {
		s.Client(netip.AddrFrom4([4]byte{172, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if used := int(inUse() - before); used > qubes*4096+4096*1024 {
		t.Errorf("with unknown clients, the policies take %d bytes", used)
	}
	runtime.KeepAlive(s)
}

// inUse returns the bytes in use.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBuilder_bounds adds expressions of many lists, which are bounded for all
// lists together.
func TestBuilder_bounds(t *testing.T) {
	t.Parallel()
	b := blocklist.NewBuilder(0)
	var last error
	rules := 0
	for i := range 30 {
		var text strings.Builder
		for k := range 100 {
			fmt.Fprintf(&text, "/^a%d\\.l%d\\./\n", k, i)
		}
		_, err := blocklist.Parse(strings.NewReader(text.String()), blocklist.Options{}, func(r *blocklist.Rule) error {
			if err := b.Add(blocklist.Source(i), r); err != nil {
				return err
			}
			rules++
			return nil
		})
		last = err
	}
	if rules != 2000 || last == nil || !strings.Contains(last.Error(), "more than 2000 regular expressions") {
		t.Errorf("%d rules, %v; want 2000 and an error", rules, last)
	}
}
