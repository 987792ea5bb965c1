package blocklist

import (
	"net/netip"
	"regexp"
)

// Kind is what a rule covers.
type Kind uint8

// The kinds of rules.
const (
	Exact  Kind = iota // one name
	Tree               // a name and all below it
	Regexp             // names that a regular expression matches
	Net                // addresses in answers
)

// Rule is one rule of a list.
type Rule struct {
	Kind Kind
	// Allow tells an exception: an adblock rule that begins with @@.
	Allow bool
	// Name is the name of Exact and Tree: wire form, lower case. It is valid
	// until the next rule is read.
	Name []byte
	// Expr is the expression of Regexp, matched anywhere in the lower-case text
	// of a name without its last dot.
	Expr *regexp.Regexp
	// instructions is how large the program of Expr is.
	instructions int
	// Net is what Net covers.
	Net netip.Prefix
}

// Report says what was found in a list.
type Report struct {
	Rules   int     // that were taken
	Skipped int     // lines that concern browsers only, such as ##.banner
	Faults  []Fault // lines that nobody can make sense of, the first [MaxFaults] of them
	Wrong   int     // how many those were
}

// Fault is a line of a list that is no rule.
type Fault struct {
	Line   int
	Text   string
	Reason string
}

// MaxFaults is how many faults of a list are kept for people to read.
const MaxFaults = 5
