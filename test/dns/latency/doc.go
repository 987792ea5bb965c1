// Package latency measures what a flood of one qube costs the others: the flood
// and the quiet qube are processes of their own, as qubes are. The attacks that need
// no second process are tests of [internal/resolver].
//
//	go test ./test/dns/latency          (6 to 40 s)
//	go test ./test/dns/latency -quiet   (on a machine that does nothing else: a stricter bound)
//
// [internal/resolver]: https://pkg.go.dev/github.com/qubesbeat/qubesbeat/internal/resolver
package latency
