package firewall

import (
	"strings"
	"unicode"
)

// What rules that log call what they do, in capitals.
var (
	acceptingWords = wordSet("ACCEPT ACCEPTS ACCEPTED ACCEPTING ALLOW ALLOWS ALLOWED PASS PASSED PERMIT PERMITS PERMITTED AUDIT AUDITED")
	refusingWords  = wordSet("DROP DROPS DROPPED DROPPING DENY DENIED REJECT REJECTED BLOCK BLOCKED BLOCKING REFUSE REFUSED DISCARD DISCARDED")
	negatingWords  = wordSet("NO NOT NON NEVER UN DIS")
)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

// isAccepting reports whether a prefix is that of a rule which logs what it accepts, or
// that of the kernel's own messages about packets. Whole words count: "BYPASS" accepts
// nothing. Where a prefix says both, as "ACCEPT-LIST DROP", the packet was refused.
func isAccepting(prefix string) bool {
	words := strings.FieldsFunc(strings.ToUpper(prefix), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	if len(words) > 0 && words[0] == "TRACE" || len(words) > 1 && words[0] == "NF" && words[1] == "CT" {
		return true
	}
	accepts, negated := false, false
	for _, word := range words {
		switch {
		case acceptingWords[word] && negated, refusingWords[word] && !negated:
			return false
		case acceptingWords[word], refusingWords[word]:
			accepts = true
		}
		negated = negatingWords[word]
	}
	return accepts
}
