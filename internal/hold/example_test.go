package hold_test

import (
	"fmt"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/hold"
	"github.com/qubesbeat/qubesbeat/internal/ring"
)

// A consumer holds what it cannot name yet while it takes more from a ring. It
// waits without a timer while nothing is held.
func Example() {
	queue := ring.New(ring.Config[string]{Size: 8})
	names := map[string]string{"vif7.0": "work"}
	held := hold.New(hold.Config[string]{For: time.Second, Max: 100, Retry: func(vif *string, last bool) bool {
		name, known := names[*vif]
		if known || last {
			fmt.Printf("%s is %q\n", *vif, name)
		}
		return known
	}})

	for _, vif := range []string{"vif7.0", "vif8.0"} {
		queue.Push(&vif)
	}
	queue.Close()

	for batch := make([]string, 4); !queue.Done(); held.Check() {
		for _, vif := range batch[:queue.Pop(batch, held.Next())] {
			if name, known := names[vif]; known || !held.Add(vif) {
				fmt.Printf("%s is %q\n", vif, name)
			}
		}
	}
	names["vif8.0"] = "disp1"
	held.Flush()
	// Output:
	// vif7.0 is "work"
	// vif8.0 is "disp1"
}
