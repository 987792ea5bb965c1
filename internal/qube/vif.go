package qube

import "strings"

// MaxDomain is the highest Xen domain id that VifDomain accepts (qubes-core-agent-linux, network/vif-route-qubes: the
// metric of the route to a qube is MaxDomain minus its domain id).
const MaxDomain = 32752

// VifDomain returns the Xen domain id in the name of the interface of a downstream qube, `vif<domid>.<n>`. Like
// network/vif-route-qubes it accepts `^vif(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$` and ids up to MaxDomain, so no leading
// zeros. For every other name it returns NoDomain and false. It does not allocate.
func VifDomain(ifname string) (domid int32, ok bool) {
	rest, isVif := strings.CutPrefix(ifname, "vif")
	id, device, hasDot := strings.Cut(rest, ".")

	if !isVif || !hasDot || !isDecimal(id) || !isDecimal(device) {
		return NoDomain, false
	}

	return domain(id)
}

// domain converts digits to a domain id. It stops before the number can overflow.
func domain(digits string) (domid int32, ok bool) {
	for i := range len(digits) {
		domid = domid*10 + int32(digits[i]-'0')
		if domid > MaxDomain {
			return NoDomain, false
		}
	}

	return domid, true
}

// isDecimal reports whether text is a decimal number without leading zeros.
func isDecimal(text string) bool {
	return text == "0" || text != "" && text[0] != '0' && isNumber(text)
}
