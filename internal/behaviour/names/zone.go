package names

import "strings"

// Root is the zone of names whose last label is no suffix either: who asks a server directly needs
// none.
const Root = "."

// longSuffix is the size of the longest label that a network is taken to have chosen for a domain.
const longSuffix = 16

// Zone returns the domain below which a name counts in a [Window]: its registered domain or, if it has
// none, its last two labels, if both look chosen and there is something below them, and else the last one. A name of one label,
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
	if !isChosen(name[at+1:]) {
		return Root
	}
	before := strings.LastIndexByte(name[:at], '.')
	if before > 0 && isChosen(name[before+1:at]) {
		return name[before+1:]
	}
	return name[at+1:]
}

// isChosen reports whether a label looks like one that a person has chosen, and carries no data.
func isChosen(label string) bool {
	return len(label) <= longSuffix && strings.Trim(label, "abcdefghijklmnopqrstuvwxyz-") == ""
}
