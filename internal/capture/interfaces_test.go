package capture_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

func TestInterfaces_zero(t *testing.T) {
	t.Parallel()
	var n capture.Interfaces
	if got := n.Name(0) + n.Name(7); got != "" {
		t.Errorf("Name of the zero Interfaces = %q; want none", got)
	}
	if n.HasVif(7) {
		t.Error("HasVif of the zero Interfaces = true; want false")
	}
}

func TestInterfaces_ID(t *testing.T) {
	t.Parallel()
	var n capture.Interfaces
	for i, want := range []uint32{0, 1, 2, 1, 0, 3} {
		name := []string{"", "eth0", "vif7.0", "eth0", "", "lo"}[i]
		if got := n.ID(name); got != want {
			t.Errorf("ID(%q) = %d; want %d", name, got, want)
		}
		if got := n.Name(want); got != name {
			t.Errorf("Name(%d) = %q; want %q", want, got, name)
		}
	}
}

func TestInterfaces_ID_bound(t *testing.T) {
	t.Parallel()
	var n capture.Interfaces
	for i := range 8192 {
		if got := n.ID(fmt.Sprint("if", i)); got != uint32(i+1) {
			t.Fatalf("ID of name %d = %d; want %d", i, got, i+1)
		}
	}
	if got := n.ID("one too many"); got != 0 {
		t.Errorf("ID beyond the bound = %d; want 0", got)
	}
	for _, id := range []uint32{1, 4096, 8192} {
		if got, want := n.Name(id), fmt.Sprint("if", id-1); got != want {
			t.Errorf("Name(%d) = %q; want %q", id, got, want)
		}
	}
}

// TestInterfaces_Set_bound names more interfaces than are remembered, as a
// machine does that starts qubes for years: the newest keep their names.
func TestInterfaces_Set_bound(t *testing.T) {
	t.Parallel()
	var n capture.Interfaces
	const bound, last = 8192, 10000
	for id := uint32(1); id <= bound; id++ {
		n.Set(id, fmt.Sprint("vif", id, ".0"))
	}
	// A name that changes takes no room: nothing has to be forgotten for it.
	n.Set(bound, "vif8192.0")
	if got := n.Name(1); got != "vif1.0" {
		t.Errorf("Name(1) = %q when another is set again; want vif1.0", got)
	}
	for id := uint32(bound + 1); id <= last; id++ {
		n.Set(id, fmt.Sprint("vif", id, ".0"))
	}
	known := 0
	for id := uint32(1); id <= last; id++ {
		if n.Name(id) != "" {
			known++
		}
	}
	if known > bound || known < bound/2 {
		t.Errorf("%d names are remembered; want %d to %d", known, bound/2, bound)
	}
	for id := uint32(last - 4000); id <= last; id++ {
		if got, want := n.Name(id), fmt.Sprint("vif", id, ".0"); got != want {
			t.Fatalf("Name(%d) = %q; want %q", id, got, want)
		}
	}
}

func TestInterfaces_HasVif(t *testing.T) {
	t.Parallel()
	var n capture.Interfaces
	n.Set(3, "vif7.0")
	n.Set(4, "vif123.1")
	n.Set(5, "vif9")
	n.Set(6, "xvif8.0")
	for domid, want := range map[int32]bool{7: true, 123: true, 1: false, 12: false, 9: false, 8: false, 0: false, -7: false} {
		if got := n.HasVif(domid); got != want {
			t.Errorf("HasVif(%d) = %v; want %v", domid, got, want)
		}
	}
	n.Set(3, "eth0")
	if n.HasVif(7) {
		t.Error("HasVif(7) = true after the name has gone; want false")
	}
}

// TestInterfaces_concurrent is for -race.
func TestInterfaces_concurrent(t *testing.T) {
	t.Parallel()
	var n capture.Interfaces
	var workers sync.WaitGroup
	for w := range uint32(4) {
		workers.Go(func() {
			for i := range uint32(200) {
				n.Set(1000+w*1000+i, fmt.Sprint("vif", i, ".0"))
				if id := n.ID(fmt.Sprint("eth", i)); n.Name(id) != fmt.Sprint("eth", i) {
					t.Errorf("Name(%d) is not eth%d", id, i)
				}
				n.HasVif(int32(i))
			}
		})
	}
	workers.Wait()
	seen := map[uint32]bool{}
	for i := range 200 {
		seen[n.ID(fmt.Sprint("eth", i))] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d numbers for 200 names", len(seen))
	}
}

func TestInterfaces_Name_allocs(t *testing.T) {
	var n capture.Interfaces
	id := n.ID("eth0")
	if got := testing.AllocsPerRun(100, func() { _ = n.Name(id); _ = n.ID("eth0") }); got != 0 {
		t.Errorf("Name and ID of a known interface allocate %v times; want 0", got)
	}
}
