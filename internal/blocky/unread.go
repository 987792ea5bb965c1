package blocky

import "strings"

// why explains keys that are not translated, by their path or that of the section
// they stand in: the effect, and what there is instead.
var why = map[string]string{
	"prometheus": "no metrics are served under this path; the beat has http.enabled, and a stats event with all counters",
	"redis":      "neither the cache nor pauses of blocking are shared with others; the cache is in memory",
	"dnssec":     "answers are not validated here; ask an upstream over tcp-tls or https that validates; its AD flag is passed on",
	"dns64":      "no AAAA records are made of A records", "http3": "clients are not served over HTTP/3",
	"statistics": "the stats event and the dashboards have them",
	"log":        "the beat has logging.*", "logLevel": "the beat has logging.*", "logFormat": "the beat has logging.*",
	"logTimestamp": "the beat has logging.*", "logPrivacy": "names stand in the beat's events and its log as they are",
	"ede":      "extended errors are always sent to clients that support them",
	"ecs":      "the client's network is never sent upstream",
	"certFile": "clients are served over UDP and TCP only", "keyFile": "clients are served over UDP and TCP only",
	"minTlsServeVersion": "clients are served over UDP and TCP only",
	"ports":              "clients are served over UDP and TCP only; " + api,
	"tlsPort":            "clients are served over UDP and TCP only", "httpPort": api, "httpsPort": "clients are served over UDP and TCP only; " + api,
	"port":                   "ports.dns is used instead",
	"clientLookup":           "the names of clients come from the inventory, not from reverse lookups",
	"queryLog":               "the events have all fields of all queries, and their output has its own settings; processors can drop some",
	"caching":                "the cache has no such setting",
	"caching.exclude":        "answers for these names are cached, too, for as long as their TTL says",
	"upstreams.userAgent":    "no User-Agent is sent to upstreams",
	"dohUserAgent":           "no User-Agent is sent to upstreams",
	"upstreams.quic":         "upstreams are not asked over QUIC",
	"rateLimit":              "the limit is off, or has no such setting",
	"rateLimit.allowlist":    "these clients are limited as all others are",
	"rateLimit.ipv4Prefix":   "the limit is for each qube, not for each network",
	"rateLimit.ipv6Prefix":   "the limit is for each qube, not for each network",
	"hostsFile":              "hosts files are read at the start and with `qubesbeat dns reload`",
	"blocking.loading":       "lists are fetched one after another, with list_refresh.timeout for each",
	"blocking.startStrategy": "blocking.loading.strategy is used instead", "blocking.failStartOnListError": "the strategy for the start is used instead",
	"blocking.processingConcurrency": "lists are fetched one after another",
}

const api = "there is no HTTP interface; `qubesbeat dns` has the commands"

// warnUnread warns of every value below n that was not read. A section that is
// explained as a whole is named once if nothing in it was read.
func (c *converter) warnUnread(n *node) {
	if n == nil {
		return
	}
	if n.path != "" && n.unread() && (n.leaf() || why[n.path] != "" && !strings.Contains(n.path, ".")) {
		c.say(n.path, "not translated: %s", reason(n.path))
		return
	}
	for _, k := range n.keys {
		if v := n.fields[k]; v != nil {
			c.warnUnread(v)
		} else {
			c.say(strings.TrimPrefix(n.path+"."+k, "."), "it has no value and no effect")
		}
	}
	for _, v := range n.items {
		c.warnUnread(v)
	}
}

// leaf reports whether there is nothing below n.
func (n *node) leaf() bool { return len(n.keys)+len(n.items) == 0 }

// unread reports whether neither n nor anything below it was read.
func (n *node) unread() bool {
	if n == nil {
		return true
	}
	if n.read {
		return false
	}
	for _, v := range n.fields {
		if !v.unread() {
			return false
		}
	}
	for _, v := range n.items {
		if !v.unread() {
			return false
		}
	}
	return true
}

// reason returns why a key is not translated.
func reason(path string) string {
	for p := path; p != ""; {
		if text := why[p]; text != "" {
			return text
		}
		i := strings.LastIndexByte(p, '.')
		p = p[:max(i, 0)]
	}
	return "it is not a key of blocky up to 0.34, or not a value that it can have, and has no counterpart; check its spelling"
}
