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
	// Allow marks an exception: an adblock rule that begins with @@.
	Allow bool
	// Name is the name of Exact and Tree in wire form and lower case. It is valid
	// until the next rule is read.
	Name []byte
	// Expr is the expression of Regexp. It is matched anywhere in the text of a
	// name in lower case, without the dot at the end.
	Expr *regexp.Regexp
	// instructions is the size of the program of Expr.
	instructions int
	// Net is the network of Net.
	Net netip.Prefix
}

// Report counts what was found in a list.
type Report struct {
	Rules   int     // rules that were passed on
	Words   int     // of them, lines of one word without a dot, as a message of a server may have
	Skipped int     // valid lines that block no names, such as ##.banner or server=/x/192.0.2.1
	Skips   []Fault // the first skipped line for each reason
	Faults  []Fault // the first [MaxFaults] invalid lines
	Wrong   int     // number of invalid lines
}

// Fault is an invalid line of a list.
type Fault struct {
	Line   int    // number, from 1
	Text   string // the first 80 bytes
	Reason string
}

// MaxFaults is the number of faults of a list that are kept for people to read.
const MaxFaults = 5
