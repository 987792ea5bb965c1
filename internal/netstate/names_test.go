package netstate_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/netstate"
)

// TestNames_Name asks the capture first, believes the kernel for two seconds, and
// remembers what is gone.
func TestNames_Name(t *testing.T) {
	bubble(t, func(t *testing.T) {
		captured, kernel := map[uint32]string{1: "eth0"}, map[uint32]string{1: "other", 7: "vif7.0"}
		asked := 0
		n := netstate.NewNames(netstate.NamesConfig{
			Captured: func(i uint32) string { return captured[i] },
			Kernel: func(i uint32) (string, error) {
				asked++
				if kernel[i] == "" {
					return "", errNetlink
				}
				return kernel[i], nil
			}})
		want := func(when string, index uint32, name string, times int) {
			t.Helper()
			if got := n.Name(index); got != name || asked != times {
				t.Errorf("%s: Name(%d) = %q, the kernel was asked %d times; want %q, %d", when, index, got, asked, name, times)
			}
		}
		want("no index", 0, "", 0)
		want("captured", 1, "eth0", 0)
		want("of the kernel", 7, "vif7.0", 1)
		want("again", 7, "vif7.0", 1)
		want("unknown", 8, "", 2)
		want("unknown again", 8, "", 2)
		kernel[7], kernel[8] = "vif9.0", "vif8.0"
		time.Sleep(2*time.Second - 1)
		want("renamed, believed", 7, "vif7.0", 2)
		time.Sleep(time.Nanosecond)
		want("renamed", 7, "vif9.0", 3)
		want("new", 8, "vif8.0", 4)
		clear(kernel)
		time.Sleep(time.Hour)
		want("gone", 7, "vif9.0", 5)
		want("gone, again", 7, "vif9.0", 5)
		captured[7] = "vif10.0"
		want("captured now", 7, "vif10.0", 5)
	})
}

// TestNames_Name_bounded forgets the names when there are too many.
func TestNames_Name_bounded(t *testing.T) {
	t.Parallel()
	asked := 0
	n := netstate.NewNames(netstate.NamesConfig{Kernel: func(i uint32) (string, error) {
		asked++
		return fmt.Sprintf("vif%d.0", i), nil
	}, Now: func() time.Time { return time.Unix(1, 0) }})
	for i := range uint32(4096) {
		n.Name(i + 1)
	}
	if n.Name(1); asked != 4096 {
		t.Errorf("the kernel was asked %d times; want 4096", asked)
	}
	if got := n.Name(5000); got != "vif5000.0" {
		t.Errorf("Name(5000) = %q; want vif5000.0", got)
	}
	if n.Name(1); asked != 4098 {
		t.Errorf("the kernel was asked %d times; want 4098", asked)
	}
}

// TestNames_kernel asks the real kernel, from several goroutines.
func TestNames_kernel(t *testing.T) {
	t.Parallel()
	n := netstate.NewNames(netstate.NamesConfig{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range uint32(50) {
				n.Name(i)
			}
			if got := n.Name(1 << 30); got != "" {
				t.Errorf("Name(1<<30) = %q; want none", got)
			}
		})
	}
	wg.Wait()
}
