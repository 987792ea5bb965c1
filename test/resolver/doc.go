// Package resolver holds what a DNS resolver has to do as a table of rows, each
// with its settings, its upstreams and the answers on the wire. The ids of the
// rows are those of a list of what blocky's own tests hold; where the resolver
// means to differ from blocky, a row says what it does.
//
//	go test -v ./test/resolver
//	go test -v ./test/resolver -resolver 10.139.1.1:53
//
// With the flag, the rows that need no settings of their own ask the resolver at
// that address; it has to know the name of -name. The others are skipped.
package resolver
