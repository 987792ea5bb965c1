package names

import "strings"

// dynamic are domains below which anyone gets a name for a changing address, of his choice and for nothing.
// Who generates domains can have them there, and pays no registrar. Those that give out names for devices of
// their own, which no person chooses, are none.
var dynamic = map[string]bool{
	"duckdns.org": true, "ddns.net": true, "no-ip.org": true, "no-ip.biz": true, "no-ip.info": true, "hopto.org": true, "hopto.me": true,
	"zapto.org": true, "sytes.net": true, "serveftp.com": true, "servehttp.com": true, "servegame.com": true, "redirectme.net": true,
	"myftp.org": true, "myftp.biz": true, "bounceme.net": true, "3utilities.com": true, "webhop.me": true, "ddns.me": true, "gotdns.org": true,
	"dyndns.org": true, "dyndns.biz": true, "dyndns.info": true, "dynalias.com": true, "homeip.net": true, "mooo.com": true,
	"chickenkiller.com": true, "ignorelist.com": true, "strangled.net": true, "us.to": true, "twilightparadox.com": true, "jumpingcrab.com": true,
	"crabdance.com": true, "yi.org": true, "dynserv.com": true, "dynu.net": true, "dynu.com": true, "ddnsfree.com": true, "freeddns.org": true,
	"mywire.org": true, "accesscam.org": true, "kozow.com": true, "giize.com": true, "loseyourip.com": true, "gleeze.com": true,
	"theworkpc.com": true, "casacam.net": true, "camdvr.org": true, "ooguy.com": true, "zyns.com": true, "dynv6.net": true, "ydns.eu": true,
	"nsupdate.info": true, "spdns.de": true, "now-dns.net": true,
}

// Chosen returns the domain of a query that someone has chosen, "" if a provider has: its registered domain or,
// at a provider of dynamic names, the name below that of the provider.
func (q *Query) Chosen() string {
	if q.Given {
		_, provider, _ := strings.Cut(q.Domain, ".")
		if !dynamic[provider] {
			return ""
		}
		return q.Domain
	}
	sub := q.Sub()
	if sub == "" || !dynamic[q.Domain] {
		return q.Domain
	}
	at := strings.LastIndexByte(sub, '.') + 1
	return q.Name[at:]
}
