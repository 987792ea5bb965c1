package nftpath

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// truth is whether a condition holds.
type truth int8

const (
	no truth = iota
	maybe
	yes
)

// not returns the truth of the opposite.
func (t truth) not() truth { return yes - t }

// of returns yes or no.
func of(b bool) truth {
	if b {
		return yes
	}
	return no
}

// kind is what a value is.
type kind int8

const (
	unknown kind = iota
	absent       // the packet has no such field: no condition on it holds, not even an inequality
	number       // within lo and hi; names has the words for it
	address
	name  // of an interface
	flags // the set of words in names; others says that there may be more
	tuple // parts
)

// value is what is known of a field of the packet.
type value struct {
	kind   kind
	lo, hi uint64
	addr   netip.Addr
	names  []string
	others bool
	lacks  string // a flag that others does not stand for
	parts  []value
}

func exactly(n uint64, names ...string) value { return value{kind: number, lo: n, hi: n, names: names} }
func between(lo, hi uint64) value             { return value{kind: number, lo: lo, hi: hi} }
func named(s string) value                    { return value{kind: name, names: []string{s}} }
func flagged(names ...string) value           { return value{kind: flags, names: names} }
func addressed(a netip.Addr) value {
	if !a.IsValid() {
		return value{}
	}
	return value{kind: address, addr: a}
}

// is reports whether v is exactly that number.
func (v value) is(n uint64) bool { return v.kind == number && v.lo == n && v.hi == n }

// within reports whether v is within two numbers.
func (v value) within(lo, hi uint64) truth {
	switch {
	case v.kind != number:
		return maybe
	case v.lo >= lo && v.hi <= hi:
		return yes
	case v.hi < lo || v.lo > hi:
		return no
	}
	return maybe
}

// element returns v in nft's notation. ok is false if v is not known exactly.
func (v value) element() (text string, ok bool) {
	switch v.kind {
	case number:
		return strconv.FormatUint(v.lo, 10), v.lo == v.hi
	case address:
		return v.addr.String(), true
	case name:
		return strconv.Quote(v.names[0]), true
	case flags:
		return strings.Join(v.names, ","), !v.others && len(v.names) == 1
	case tuple:
		var parts []string
		for _, p := range v.parts {
			one, ok := p.element()
			if !ok {
				return "", false
			}
			parts = append(parts, one)
		}
		return strings.Join(parts, " . "), true
	}
	return "", false
}

// equals compares v with a constant of nft's JSON that is no set, range or prefix.
func (v value) equals(c any) truth {
	switch c := c.(type) {
	case float64:
		return v.equalsNumber(c)
	case bool: // "missing" and "exists"
		if v.kind == name || v.kind == address {
			return of(c)
		}
		return maybe
	case string:
		return v.equalsWord(c)
	case []any:
		return v.equalsWords(c)
	}
	return maybe
}

func (v value) equalsNumber(c float64) truth {
	switch {
	case v.kind == name: // an index without a name is of an interface that is gone
		return no
	case v.kind == flags && c == 0:
		return of(len(v.names) == 0).orMaybe(v.others)
	case v.kind == number && c >= 0:
		return v.within(uint64(c), uint64(c))
	}
	return maybe
}

// orMaybe returns maybe if the truth is not settled.
func (t truth) orMaybe(open bool) truth {
	if open {
		return maybe
	}
	return t
}

func (v value) equalsWord(c string) truth {
	switch v.kind {
	case address:
		if a, err := netip.ParseAddr(c); err == nil {
			return of(a == v.addr)
		}
	case name:
		return of(matchesName(v.names[0], c))
	case flags:
		return of(len(v.names) == 1 && v.names[0] == c).orMaybe(v.others)
	case number:
		if slices.Contains(v.names, c) {
			return yes
		}
		if n, err := strconv.ParseUint(c, 0, 64); err == nil {
			return v.within(n, n)
		}
		if len(v.names) > 0 && v.lo == v.hi {
			return no
		}
	}
	return maybe
}

// equalsWords compares flags with a list of words.
func (v value) equalsWords(words []any) truth {
	if v.kind != flags || v.others {
		return maybe
	}
	for _, w := range words {
		if s, ok := w.(string); !ok || !slices.Contains(v.names, s) {
			return no
		}
	}
	return of(len(words) == len(v.names))
}

// hasAny reports whether one of the words is among the flags.
func (v value) hasAny(words []any) truth {
	if v.kind != flags {
		return maybe
	}
	open := false
	for _, w := range words {
		s, _ := w.(string)
		if slices.Contains(v.names, s) {
			return yes
		}
		open = open || v.others && s != v.lacks
	}
	return no.orMaybe(open)
}

// bounds returns the numbers of a range's ends.
func bounds(lo, hi any) (l, h uint64, ok bool) {
	a, errA := strconv.ParseFloat(fmt.Sprint(lo), 64)
	b, errB := strconv.ParseFloat(fmt.Sprint(hi), 64)
	if errA != nil || errB != nil || a < 0 || b < 0 || b > math.MaxInt64 || a > b {
		return 0, 0, false
	}
	return uint64(a), uint64(b), true
}

// inRange compares v with the two ends of a range.
func (v value) inRange(ends []any) truth {
	if len(ends) != 2 {
		return maybe
	}
	if v.kind == address {
		lo, errLo := netip.ParseAddr(fmt.Sprint(ends[0]))
		hi, errHi := netip.ParseAddr(fmt.Sprint(ends[1]))
		if errLo != nil || errHi != nil {
			return maybe
		}
		return of(v.addr.Compare(lo) >= 0 && v.addr.Compare(hi) <= 0)
	}
	lo, hi, ok := bounds(ends[0], ends[1])
	if !ok {
		return maybe
	}
	return v.within(lo, hi)
}

// inPrefix compares an address with a prefix.
func (v value) inPrefix(prefix any) truth {
	p, _ := prefix.(map[string]any)
	length, isNumber := p["len"].(float64)
	a, err := netip.ParseAddr(fmt.Sprint(p["addr"]))
	if err != nil || !isNumber || v.kind != address {
		return maybe
	}
	return of(netip.PrefixFrom(a, int(length)).Contains(v.addr))
}
