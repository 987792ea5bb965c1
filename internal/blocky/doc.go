// Package blocky translates the configuration of blocky
// (https://github.com/0xERR0R/blocky) into that of the resolver, and warns of
// every key that has no counterpart.
package blocky
