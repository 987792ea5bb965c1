package guard_test

import (
	"fmt"
	"log/slog"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// A parser that trusts a length panics at the second input; the loop goes on.
func ExamplePart_Recover() {
	part := guard.New(guard.Config{Logger: slog.New(slog.DiscardHandler)}).Part("resolver/udp")
	inputs := [][]byte{{1, 'a'}, {9, 'b'}, {1, 'c'}}
	for next := 0; next < len(inputs) && !part.Stopped(); {
		func() { // a function per batch
			var input []byte
			defer part.Recover(&input)
			for next < len(inputs) {
				input = inputs[next]
				next++ // before the work: the input that panics is not tried again
				fmt.Printf("%s\n", input[1:1+input[0]])
			}
		}()
	}
	fmt.Println(part.Panics(), "panic")
	// Output:
	// a
	// c
	// 1 panic
}
