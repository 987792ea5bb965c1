package names

import "strings"

// Root is the zone of names whose last label is no suffix either: who asks a server directly needs
// none.
const Root = "."

// longSuffix is the size of the longest last label that a network is taken to have for a suffix.
const longSuffix = 16

// Zone returns the domain below which a name counts in a [Window]: its registered domain or, if it has
// none, its last label, since there is nothing that its owner could have registered. A name of one label,
// as browsers ask for at random, is a zone of its own.
func Zone(name, domain string, suffix bool) string {
	at := strings.LastIndexByte(name, '.')
	switch {
	case at < 0:
		return domain
	case strings.HasSuffix(name, reverseEnd):
		return name[strings.LastIndexByte(name[:at], '.')+1:]
	case suffix:
		return domain
	}
	last := name[at+1:]
	if len(last) > longSuffix || strings.Trim(last, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return Root
	}
	return last
}
