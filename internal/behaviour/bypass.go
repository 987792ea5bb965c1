package behaviour

import (
	"fmt"
)

// bypass reports DNS around the resolver.
func (e *Engine) bypass() {
	o := e.obs
	if e.skips(DNSBypass, o.Bypass, e.net) {
		return
	}
	f := &Finding{Rule: DNSBypass, Way: o.Bypass, Level: Low, Score: 0.5, dest: e.net}
	words := map[string]string{"dns": "DNS to a server that is not the resolver", "dot": "DNS over TLS bypasses the resolver",
		"doq": "DNS over QUIC bypasses the resolver", "doh": "DNS over HTTPS bypasses the resolver"}
	if o.Bypass == "dns" {
		f.Level = Medium
	}
	f.Reason = fmt.Sprintf("%s: %s uses %s", words[o.Bypass], e.who(), e.whom())
	e.report(f)
}
