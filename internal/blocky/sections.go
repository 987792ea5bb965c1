package blocky

import (
	"fmt"
	"strings"
)

// local translates names that are answered locally, and zones with their own
// upstreams.
func (c *converter) local() {
	var records []map[string]any
	ttl := c.duration("customDNS.customTTL")
	open := !c.flag("customDNS.filterUnmappedTypes", true)
	names, m := c.section("customDNS.mapping")
	for _, n := range names {
		for _, name := range []string{n, "*." + n} { // blocky answers for all names below, too
			r := map[string]any{"name": name, "addresses": texts(m[n])}
			if ttl != "" {
				r["ttl"] = ttl
			}
			if open {
				r["other_types_upstream"] = true
			}
			records = append(records, r)
		}
	}
	if len(records) > 0 {
		c.set("records", records)
	}
	c.set("zone_records", c.text("customDNS.zone"))
	var zones []map[string]any
	names, m = c.section("conditional.mapping")
	for _, n := range names {
		zones = append(zones, map[string]any{"names": []string{n}, "servers": c.servers("conditional.mapping."+n, m[n])})
	}
	if len(zones) > 0 {
		c.set("zones", zones)
	}
	c.rewrites()
	if c.get("conditional.fallbackUpstream") != nil {
		c.warn("conditional.fallbackUpstream: blocky reads this key and does nothing with it; it has no effect here either")
	}
	if v := texts(c.first("hostsFile.sources", "hostsFile.filePath")); len(v) > 0 {
		c.set("hosts_files", v)
	}
	if c.get("hostsFile.filterLoopback") == false {
		c.warn("hostsFile.filterLoopback: loopback addresses in hosts files are always ignored")
	}
}

func (c *converter) rewrites() {
	var list []map[string]any
	for _, section := range []string{"customDNS.rewrite", "conditional.rewrite"} {
		names, m := c.section(section)
		for _, n := range names {
			list = append(list, map[string]any{"from": n, "to": fmt.Sprint(m[n])})
		}
	}
	if len(list) > 0 {
		c.set("rewrite", list)
	}
}

// blocking translates lists and the clients that have them. The lists of all
// policies of a qube add up, as blocky's groups do.
func (c *converter) blocking() {
	for _, kind := range []struct{ ours, theirs, before string }{{"deny", "blocking.denylists", "blocking.blackLists"},
		{"allow", "blocking.allowlists", "blocking.whiteLists"}} {
		names, m := c.section(kind.theirs, kind.before)
		for _, n := range names {
			var sources []string
			if list, ok := m[n].([]any); ok {
				for _, one := range list {
					sources = append(sources, fmt.Sprint(one))
				}
			} else {
				sources = []string{fmt.Sprint(m[n])}
			}
			c.set("lists."+listName(n)+"."+kind.ours, sources)
		}
	}
	schedules, m := c.section("blocking.listSchedules")
	for _, n := range schedules {
		c.set("lists."+listName(n)+".schedule", listName(fmt.Sprint(m[n])))
	}
	schedules, m = c.section("blocking.schedules")
	for _, n := range schedules {
		c.set("schedules."+listName(n), m[n])
	}
	names, m := c.section("blocking.clientGroupsBlock")
	for _, n := range names {
		p := c.selectors(n)
		var groups []string
		for _, g := range texts(m[n]) {
			groups = append(groups, listName(g))
		}
		p["lists"] = groups
		c.policies = append(c.policies, p)
	}
	c.set("list_refresh.blocky_syntax", true)
	c.blockType()
	c.loading()
}

// listName returns a name as a key: a dot would split it.
func listName(n string) string { return strings.ReplaceAll(n, ".", "_") }

func (c *converter) blockType() {
	switch t := c.text("blocking.blockType"); strings.ToLower(t) {
	case "":
	case "zeroip", "nxdomain":
		c.set("block.answer", strings.ToLower(t))
	default:
		c.set("block.answer", "addresses")
		c.set("block.addresses", texts(t))
	}
	if ttl := c.duration("blocking.blockTTL"); ttl != "" {
		c.set("block.ttl", ttl)
	} else {
		c.set("block.ttl", "6h")
	}
}

func (c *converter) loading() {
	p := c.duration("blocking.loading.refreshPeriod", "blocking.refreshPeriod")
	if strings.HasPrefix(p, "-") {
		p = "0s"
	}
	c.set("list_refresh.period", p)
	start := map[string]string{"blocking": "blocking", "failOnError": "fail_on_error", "fast": "fast", "": ""}
	c.set("list_refresh.start", start[c.text("blocking.loading.strategy", "blocking.startStrategy")])
	c.set("list_refresh.max_errors", 5)
	if n, ok := c.first("blocking.loading.maxErrorsPerSource", "blocking.maxErrorsPerFile").(int); ok {
		c.set("list_refresh.max_errors", max(n, 0)) // -1 is no limit there, 0 here
	}
	c.set("list_refresh.timeout", c.duration("blocking.loading.downloads.timeout", "blocking.downloadTimeout"))
	c.set("list_refresh.cooldown", c.duration("blocking.loading.downloads.cooldown", "blocking.downloadCooldown"))
	if n, ok := c.first("blocking.loading.downloads.attempts", "blocking.downloadAttempts").(int); ok {
		c.set("list_refresh.attempts", max(n, 1))
	}
	c.set("list_refresh.dir", c.text("blocking.loading.downloads.cachePath"))
}

func (c *converter) caching() {
	c.set("cache.min_ttl", c.duration("caching.minTime"))
	switch t := c.duration("caching.maxTime"); {
	case strings.HasPrefix(t, "-"):
		c.set("cache.size_mb", 0)
	default:
		c.set("cache.max_ttl", t)
	}
	switch t := c.duration("caching.cacheTimeNegative"); {
	case strings.HasPrefix(t, "-"):
		c.set("cache.max_negative_ttl", "0s")
	default:
		c.set("cache.max_negative_ttl", t)
	}
	c.set("cache.prefetch", c.flag("caching.prefetching", false))
	if c.get("caching.maxItemsCount") != nil {
		c.warn("caching.maxItemsCount: cache.size_mb limits the cache, not a number of answers")
	}
}

// protocol translates filters and limits.
func (c *converter) protocol() {
	if v := texts(c.get("filtering.queryTypes")); len(v) > 0 {
		c.set("no_types", v)
	} else if c.flag("disableIPv6", false) {
		c.set("no_types", []string{"AAAA"})
	}
	if c.flag("fqdnOnly.enable", false) {
		c.set("fqdn_only", true)
	}
	c.set("special_use.enabled", c.flag("specialUseDomains.enable", true))
	c.set("special_use.rfc6762_appendix_g", c.flag("specialUseDomains.rfc6762-appendixG", true))
	c.set("rebinding.enabled", c.flag("rebindingProtection.enable", false))
	if v := texts(c.get("rebindingProtection.allowedDomains")); len(v) > 0 {
		c.set("rebinding.allow", v)
	}
	if !c.flag("rebindingProtection.enable", false) {
		c.warn("rebinding.enabled: off, as in blocky; on is safer: public names cannot lead into your own network")
	}
	if c.flag("rateLimit.enable", false) {
		for ours, theirs := range map[string]string{"queries_per_second_per_qube": "rateLimit.rate", "burst_per_qube": "rateLimit.burst"} {
			if n, ok := c.get(theirs).(int); ok {
				c.set("limits."+ours, n)
			}
		}
	} else {
		c.set("limits.queries_per_second_per_qube", 0)
	}
	if c.flag("ecs.useAsClient", false) {
		c.warn("ecs.useAsClient: refused: a qube could pass for another; clients are known by the address of their packets")
	}
}

// logging translates the query log.
func (c *converter) logging() {
	kind, dir := c.text("queryLog.type"), c.text("queryLog.target")
	switch kind {
	case "", "none", "console":
	case "csv", "csv-client":
		c.set("tsv.dir", dir)
		if n, ok := c.get("queryLog.logRetentionDays").(int); ok {
			c.set("tsv.retention_days", n)
		}
		if kind == "csv" {
			c.warn("queryLog.type: csv: each qube has a file, as with csv-client")
		}
	default:
		c.warn("queryLog.type: %s: every query is an event; choose where they go with output.elasticsearch, output.kafka, output.redis or output.file", kind)
	}
}

// why explains keys that are not translated.
var why = map[string]string{
	"prometheus": "the beat has http.enabled, and a stats event with all counters", "redis": "the cache is in memory",
	"dnssec": "answers are not validated here; use an upstream over tls that validates; its AD flag is passed on",
	"dns64":  "there is no DNS64", "http3": "there is no HTTP/3", "statistics": "the stats event and the dashboards have them",
	"log": "the beat has logging.*", "logLevel": "the beat has logging.*", "ede": "extended errors are always sent",
	"ecs": "the client's network is never sent upstream", "certFile": "clients are served over UDP and TCP", "keyFile": "clients are served over UDP and TCP",
	"ports": "clients are served over UDP and TCP", "clientLookup": "names come from the inventory", "connectIPVersion": "the address of a server decides",
	"queryLog": "the event has all fields", "caching": "the cache has no such setting",
}

// warnUnused warns of every key that was not used.
func (c *converter) warnUnused() {
	for _, path := range c.left(func(section string) bool { return why[section] != "" }) {
		top, _, _ := strings.Cut(path, ".")
		reason := why[top]
		if reason == "" {
			reason = "it has no counterpart"
		}
		c.warn("%s: not translated: %s", path, reason)
	}
}
