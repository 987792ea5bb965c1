package resolver_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// describe writes an answer as rows want it, its parts divided by bars: the code,
// the flags TC and AD, each answer as name, TTL, type and data, the SOA record of
// the authority section with its TTL only, and the extended error. No answer at
// all is "silence".
//
//	NOERROR | www.example. 300 A 93.184.216.34 | EDE 15
func (r *reply) describe() string {
	if r.Msg == nil {
		return "silence"
	}
	parts := []string{dns.RcodeToString[r.Rcode]}
	if r.Rcode == dns.RcodeBadVers { // the number has another name elsewhere
		parts[0] = "BADVERS"
	}
	if r.Truncated {
		parts = append(parts, "TC")
	}
	if r.AuthenticatedData {
		parts = append(parts, "AD")
	}
	for _, rr := range r.Answer {
		parts = append(parts, record(rr))
	}
	for _, rr := range r.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			parts = append(parts, fmt.Sprintf("SOA %d", soa.Hdr.Ttl))
		} else {
			parts = append(parts, "authority "+record(rr))
		}
	}
	if e := r.ede(); e != nil {
		parts = append(parts, fmt.Sprintf("EDE %d", e.InfoCode))
	}
	return strings.Join(parts, " | ")
}

// record writes a record without its class.
func record(rr dns.RR) string {
	f := strings.Split(rr.String(), "\t")
	return f[0] + " " + f[1] + " " + strings.Join(f[3:], " ")
}

// same compares the answer with what is wanted.
func (r *reply) same(want string) {
	r.t.Helper()
	if want == "any" { // the row looks at the answer by itself
		return
	}
	if got := r.describe(); !alike(got, want) {
		r.errorf("the answer is\n\t%s\nwant\n\t%s", got, want)
	}
}

// sameCode compares the code only: what others have for data is theirs.
func (r *reply) sameCode(want string) {
	r.t.Helper()
	got, _, _ := strings.Cut(r.describe(), " |")
	if want, _, _ = strings.Cut(want, " |"); got != want {
		r.errorf("the answer is %s; want %s", got, want)
	}
}

// slack is by how many seconds a TTL may be below one with a "~": the second may
// end between two steps, and a busy machine may take a while.
const slack = 3

// alike compares two descriptions word by word.
func alike(got, want string) bool {
	g, w := strings.Split(got, " "), strings.Split(want, " ")
	if len(g) != len(w) {
		return false
	}
	for i := range g {
		text, about := strings.CutPrefix(w[i], "~")
		if g[i] == text {
			continue
		}
		have, err := strconv.Atoi(g[i])
		most, bad := strconv.Atoi(text)
		if !about || err != nil || bad != nil || have > most || have < most-slack {
			return false
		}
	}
	return true
}
