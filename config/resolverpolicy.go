package config

// ResolverList is a list of names. It needs one source at least. A source is a
// URL, a path or, with a line end in it, the rules themselves.
type ResolverList struct {
	// Deny are the sources of names to block. Empty makes a list that forbids
	// everything but what Allow names.
	Deny []string `config:"deny"`
	// Allow are the sources of names to allow, whatever Deny says. Default none.
	Allow []string `config:"allow"`
	// Schedule is when the list applies. Empty, the default, for always.
	Schedule string `config:"schedule"`
}

// ResolverRefresh is how lists are fetched.
type ResolverRefresh struct {
	// Period is the time between refreshes. Default 4h; 0 or negative for never.
	Period Duration `config:"period"`
	// Timeout is for one attempt to fetch a source. Default 60s, above 0.
	Timeout Duration `config:"timeout"`
	// Attempts is how often a fetch is tried. Default 3, at least 1.
	Attempts int `config:"attempts"`
	// Cooldown is the time between attempts. Default 1s.
	Cooldown Duration `config:"cooldown"`
	// MaxMB bounds a source, in MiB after decompression. Default 64, 1 to 1024.
	MaxMB int `config:"max_mb"`
	// MaxErrors is the number of invalid lines at which the reading of a source ends. Default 0,
	// for never.
	MaxErrors int `config:"max_errors"`
	// Dir keeps the last good copies. Empty, the default, for lists in path.data.
	Dir string `config:"dir"`
	// Start is fast (the default: serve at once with what is on disk), blocking
	// (fetch first) or fail_on_error (fetch first, and do not start without a list).
	Start string `config:"start"`
	// Blocky makes ||x^ block x alone, as blocky does. Default false: and all below.
	Blocky bool `config:"blocky_syntax"`
}

// ResolverSchedule is a part of the week, by local time. It ends on the next day if
// End is before Start.
type ResolverSchedule struct {
	// Weekdays are the days, by name or its first three letters. Empty, the default,
	// for all.
	Weekdays []string `config:"weekdays"`
	// Start is the time of day when it begins, such as 09:00.
	Start string `config:"start"`
	// End is the time of day when it ends, up to 24:00.
	End string `config:"end"`
}

// ResolverPolicy gives settings to the qubes that one of its selectors matches. A
// policy without selectors fills in what the others leave open. A setting that is
// absent leaves the decision to the next policy, and at last to the resolver.
type ResolverPolicy struct {
	// Qubes selects by name or pattern (work-*).
	Qubes []string `config:"qubes"`
	// Labels selects by label.
	Labels []string `config:"labels"`
	// Classes selects by class, such as DispVM.
	Classes []string `config:"classes"`
	// Templates selects by the template's name or pattern.
	Templates []string `config:"templates"`
	// Tags selects by tag.
	Tags []string `config:"tags"`
	// Addresses selects by address or network.
	Addresses []string `config:"addresses"`

	// Lists are names of lists. Those of all policies of a qube add up.
	Lists []string `config:"lists"`
	// Upstream is the name of a group of upstreams. Empty if absent, as below.
	Upstream string `config:"upstream"`
	// AllowOnly is [Resolver.AllowOnly] for these qubes; nil if absent, as below.
	AllowOnly *bool `config:"allow_only"`
	// Isolate is [ResolverCache.Isolate] for these qubes.
	Isolate *bool `config:"isolate"`
	// Rebinding is [ResolverRebinding.Enabled] for these qubes.
	Rebinding *bool `config:"rebinding"`
	// FQDNOnly is [Resolver.FQDNOnly] for these qubes.
	FQDNOnly *bool `config:"fqdn_only"`
	// NoTypes is [Resolver.NoTypes] for these qubes.
	NoTypes []string `config:"no_types"`
	// Block is [Resolver.Block] for these qubes.
	Block *ResolverBlock `config:"block"`
	// Schedule is when the policy applies. Empty, the default, for always.
	Schedule string `config:"schedule"`
}

// ResolverBlock is how blocked names are answered.
type ResolverBlock struct {
	// Answer is zeroip (default), nxdomain, nodata, refused or addresses.
	Answer string `config:"answer"`
	// Addresses are the answer if Answer is addresses, and empty otherwise.
	Addresses []string `config:"addresses"`
	// TTL is the TTL of the answer. Default 10m.
	TTL Duration `config:"ttl"`
}
