package blocky

import (
	"math"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// loading translates how lists are fetched.
func (c *converter) loading() {
	if n := c.first("blocking.loading.refreshPeriod", "blocking.refreshPeriod"); n != nil {
		c.refreshPeriod(n)
	}
	c.start()
	c.rules = blocklist.Options{Compat: true, MaxFaults: 5}
	if n, ok := c.number(c.first("blocking.loading.maxErrorsPerSource", "blocking.maxErrorsPerFile")); ok {
		c.rules.MaxFaults = max(n, 0) // -1 is no limit there, 0 here
	}
	c.set("list_refresh.blocky_syntax", c.rules.Compat)
	c.set("list_refresh.max_errors", c.rules.MaxFaults)
	if n := c.first("blocking.loading.downloads.timeout", "blocking.downloadTimeout"); n != nil {
		if d, ok := c.duration(n); ok && d > 0 {
			c.set("list_refresh.timeout", d.String())
		} else if ok {
			c.warn(n, "%v is not above 0; the default of 60s is used", d)
		}
	}
	if d, ok := c.duration(c.first("blocking.loading.downloads.cooldown", "blocking.downloadCooldown")); ok {
		c.set("list_refresh.cooldown", max(d, 0).String())
	}
	if n, ok := c.number(c.first("blocking.loading.downloads.attempts", "blocking.downloadAttempts")); ok {
		c.set("list_refresh.attempts", max(n, 1))
	}
	if n := c.at("blocking.loading.downloads.cachePath"); n != nil && n.one() != "" {
		dir, err := c.files.Dir(n.one())
		if err != nil {
			c.warn(n, "copies of lists are kept in path.data instead: %v", err)
			return
		}
		c.set("list_refresh.dir", dir)
	}
}

func (c *converter) refreshPeriod(n *node) {
	d, ok := c.duration(n)
	switch old := n.path == "blocking.refreshPeriod"; {
	case !ok || d == 0 && old: // the default
	case d <= 0:
		c.set("list_refresh.period", "0s")
	default:
		c.set("list_refresh.period", d.String())
	}
}

// start translates whether lists are fetched before the first query. blocky does by
// default; the resolver would begin with the last copies.
func (c *converter) start() {
	start := "blocking"
	if n := c.first("blocking.loading.strategy", "blocking.startStrategy"); n != nil {
		switch strings.ToLower(n.one()) {
		case "blocking":
		case "failonerror":
			start = "fail_on_error"
		case "fast":
			start = "fast"
		default:
			c.warn(n, "%q is not known; lists are fetched before the first query is answered", n.text)
		}
	} else if c.flag(c.at("blocking.failStartOnListError"), false) {
		start = "fail_on_error"
	}
	c.set("list_refresh.start", start)
}

// caching translates how long answers are kept.
func (c *converter) caching() {
	if d, ok := c.duration(c.at("caching.minTime")); ok {
		c.set("cache.min_ttl", max(d, 0).String())
	}
	if d, ok := c.duration(c.at("caching.maxTime")); ok && d < 0 {
		c.set("cache.size_mb", 0)
	} else if ok {
		c.set("cache.max_ttl", d.String())
	}
	if d, ok := c.duration(c.at("caching.cacheTimeNegative")); ok {
		c.set("cache.max_negative_ttl", max(d, 0).String())
	}
	c.set("cache.prefetch", c.flag(c.at("caching.prefetching"), false))
	if n := c.at("caching.maxItemsCount"); n != nil {
		if most, ok := c.number(n); ok {
			c.warn(n, "%d answers: cache.size_mb limits the cache, 32 MiB by default, not a number of answers", most)
		}
	}
}

// protocol translates filters and limits.
func (c *converter) protocol() {
	c.types()
	if c.flag(c.at("fqdnOnly.enable"), false) {
		c.set("fqdn_only", true)
	}
	c.set("special_use.enabled", c.flag(c.at("specialUseDomains.enable"), true))
	c.set("special_use.rfc6762_appendix_g", c.flag(c.at("specialUseDomains.rfc6762-appendixG"), true))
	c.rebinding()
	c.rateLimit()
	for _, key := range []string{"forward", "useAsClient"} {
		if n := c.at("ecs." + key); c.flag(n, false) {
			c.warn(n, "%s", map[string]string{
				"forward":     "the client's network is never sent upstream",
				"useAsClient": "refused: a qube could pass for another; clients are known by the address of their packets",
			}[key])
		}
	}
	if n := c.at("ede.enable"); n != nil && !c.flag(n, true) {
		c.warn(n, "extended errors are always sent to clients that support them")
	}
	if n := c.at("dnssec.validate"); c.flag(n, false) {
		c.warn(n, "answers are not validated here, so that a forged answer of an upstream is passed on; "+
			"ask one over tcp-tls or https that validates; its AD flag is passed on")
	}
}

// types translates the types of records that are answered with nothing.
func (c *converter) types() {
	var types []string
	for _, one := range c.at("filtering.queryTypes").texts() {
		if _, ok := dnsmsg.ParseType(one.text); !ok {
			c.warn(one, "%q: left out, and answered: it is not a record type; use names such as AAAA, or TYPE123", one.text)
			continue
		}
		types = append(types, strings.ToUpper(one.text))
	}
	if c.flag(c.at("disableIPv6"), false) {
		types = append(types, "AAAA")
	}
	if len(types) > 0 {
		c.set("no_types", types)
	}
}

func (c *converter) rebinding() {
	on := c.flag(c.at("rebindingProtection.enable"), false)
	c.set("rebinding.enabled", on)
	if !on {
		c.say("rebinding.enabled", "off, as in blocky; on is safer: public names cannot lead into your own network")
	}
	var allow []string
	for _, one := range c.at("rebindingProtection.allowedDomains").texts() {
		if err := isName(strings.TrimPrefix(one.text, "*.")); err != nil {
			c.warn(one, "left out: %v", err)
			continue
		}
		allow = append(allow, one.text)
	}
	if len(allow) > 0 {
		c.set("rebinding.allow", allow)
	}
}

// rateLimit translates how many queries a client may send. A burst of 0 is twice the
// rate in blocky.
func (c *converter) rateLimit() {
	n := c.at("rateLimit.enable")
	if !c.flag(n, false) {
		c.say("rateLimit.enable", "off in blocky; here a qube may send 1000 queries a second; limits.queries_per_second_per_qube: 0 is no limit")
		return
	}
	rate, ok := c.number(c.at("rateLimit.rate"))
	if !ok || rate <= 0 {
		c.warn(n, "rate is not above 0; a qube may send 1000 queries a second")
		return
	}
	c.set("limits.queries_per_second_per_qube", rate)
	burst, ok := c.number(c.at("rateLimit.burst"))
	if !ok || burst <= 0 {
		burst = min(2*rate, math.MaxInt32)
	}
	c.set("limits.burst_per_qube", burst)
}

// logging translates the query log.
func (c *converter) logging() {
	n := c.at("queryLog.type")
	kind := strings.ToLower(n.one())
	if n == nil && c.at("queryLog.dir") != nil { // before v0.9
		if kind = "csv"; c.flag(c.at("queryLog.perClient"), false) {
			kind = "csv-client"
		}
	}
	switch kind {
	case "", "console":
	case "none":
		c.set("log.enabled", false)
		c.warn(n, "none: no query is logged; with log.enabled: true each is an event")
	case "csv", "csv-client":
		c.rows(kind)
	default:
		c.warn(n, "%s: every query is an event; choose where they go with output.elasticsearch, output.kafka, output.redis or output.file", n.text)
	}
	if l := c.first("log.privacy", "logPrivacy"); c.flag(l, false) {
		c.warn(l, "names stand in the beat's events and its log as they are")
	}
}

// rows translates the log in files.
func (c *converter) rows(kind string) {
	n := c.first("queryLog.target", "queryLog.dir")
	if n == nil {
		c.say("queryLog.target", "the file has none; no log in files is written; set tsv.dir")
		return
	}
	if kind == "csv" {
		c.warn(n, "each qube has a file, as with csv-client")
	}
	dir, err := c.files.Dir(n.one())
	if err != nil {
		c.warn(n, "left out; no log in files is written: %v; create the directory, and set tsv.dir", err)
		return
	}
	c.set("tsv.dir", dir)
	if days, ok := c.number(c.at("queryLog.logRetentionDays")); ok {
		c.set("tsv.retention_days", max(days, 0))
	}
}
