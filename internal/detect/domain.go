package detect

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Destination returns by what a destination is remembered that a client has resolved, or asks for, by
// a name: its registered domain, or the name if it has none. Names of other spellings, as people type
// them, are the same.
func Destination(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if domain, _ := registered(name); domain != "" {
		return domain
	}
	return name
}

// registered returns the registered domain of a name, below the suffixes of ICANN and of
// those who let others use names below theirs; "" if it has none. given reports whether it is
// one of the latter: providers give out names that no one has chosen.
func registered(name string) (domain string, given bool) {
	if name == "" {
		return "", false
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return "", false
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	if !icann && !strings.Contains(suffix, ".") {
		return "", false // no such suffix: a name of a local network, or one that is made up
	}
	return domain, !icann
}

// lastLabels returns the last two labels of a name without a registered domain.
func lastLabels(name string) string {
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return name
	}
	return name[strings.LastIndexByte(name[:at], '.')+1:]
}
