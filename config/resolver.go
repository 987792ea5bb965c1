package config

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Resolver holds the settings of the resolver. Without an address to listen on
// there is none.
type Resolver struct {
	// Listen are the addresses to serve, as ADDRESS:PORT, UDP and TCP each. Empty, the
	// default, for no resolver.
	Listen []string `config:"listen"`
	// Fail decides about the qubes' DNS while the beat is down: [FailClosed], the
	// default, or [FailOpen].
	Fail string `config:"fail"`
	// Readers is how many sockets share each UDP address. Default 1, 1 to 64.
	Readers int `config:"readers"`

	// Upstreams are groups of servers by name; none may be empty. Without the group
	// "default", it has the servers that Qubes gave this qube, or else those of
	// /etc/resolv.conf.
	Upstreams map[string][]string `config:"upstreams"`
	// Strategy is how the servers of a group are asked: parallel_best (default),
	// strict or random.
	Strategy string `config:"strategy"`
	// Timeout is for one attempt to ask a server. Default 2s, from 50ms to Budget.
	Timeout Duration `config:"timeout"`
	// Budget is for all attempts of a query. Default 4s, up to 1m.
	Budget Duration `config:"budget"`
	// Bootstrap are servers, by address, that know the addresses of upstreams given by
	// name. The word "system" stands for those that the group "default" has without
	// settings. Empty, the default, if all upstreams are given by address.
	Bootstrap []string `config:"bootstrap"`
	// MixCase asks with letters of random case. Default false.
	MixCase bool `config:"mix_case"`
	// CAFile holds the certificate authorities for tls and https, in PEM form. Empty,
	// the default, for those of the system.
	CAFile string `config:"ca_file"`

	// Zones are names whose upstreams do not depend on the client. Default none.
	Zones []ResolverZone `config:"zones"`
	// Records are names that are answered locally. Default none.
	Records []ResolverRecord `config:"records"`
	// ZoneRecords are records in the form of a zone file (RFC 1035 section 5), not the
	// name of one. Default none.
	ZoneRecords string `config:"zone_records"`
	// HostsFiles are paths of hosts files to answer from. Default none.
	HostsFiles []string `config:"hosts_files"`
	// Rewrite replaces the ends of names before Records and Zones are searched.
	// Default none.
	Rewrite []ResolverRewrite `config:"rewrite"`

	// Lists are the lists of names by their own names. Default none.
	Lists map[string]ResolverList `config:"lists"`
	// Refresh is how lists are fetched.
	Refresh ResolverRefresh `config:"list_refresh"`
	// Schedules are parts of the week by name. Default none.
	Schedules map[string]ResolverSchedule `config:"schedules"`
	// Policies give settings to qubes. Empty, the default, gives every qube every list.
	Policies []ResolverPolicy `config:"policies"`
	// Block is how blocked names are answered.
	Block ResolverBlock `config:"block"`
	// AllowOnly refuses every name that no list allows. Default false.
	AllowOnly bool `config:"allow_only"`
	// NoTypes are record types that are answered with nothing. Default none.
	NoTypes []string `config:"no_types"`
	// FQDNOnly refuses names of one label. Default false.
	FQDNOnly bool `config:"fqdn_only"`

	// Cache are the settings of the cache.
	Cache ResolverCache `config:"cache"`
	// Rebinding is the protection from DNS rebinding.
	Rebinding ResolverRebinding `config:"rebinding"`
	// Special answers special-use names (RFC 6761).
	Special ResolverSpecial `config:"special_use"`
	// Limits bound what clients can make the resolver do.
	Limits ResolverLimits `config:"limits"`
	// Firewall is how the rules of qvm-firewall are obeyed.
	Firewall ResolverFirewall `config:"qvm_firewall"`
	// Log are the events of the queries.
	Log ResolverLog `config:"log"`
	// TSV is blocky's query log.
	TSV ResolverTSV `config:"tsv"`
	// Socket is the path of the socket of `qubesbeat dns`. Empty, the default, for
	// dns.sock in path.data.
	Socket string `config:"socket"`
}

// What happens to the qubes' DNS while the beat is down: it fails, or it goes where
// Qubes sends it without the resolver, past the lists and unlogged.
const (
	FailClosed = "closed"
	FailOpen   = "open"
)

// defaultResolver returns the settings that apply if the file sets nothing.
func defaultResolver() Resolver {
	return Resolver{
		Fail: FailClosed, Readers: 1,
		Strategy: "parallel_best", Timeout: Duration(2 * time.Second), Budget: Duration(4 * time.Second),
		Refresh: ResolverRefresh{
			Period: Duration(4 * time.Hour), Timeout: Duration(60 * time.Second), Attempts: 3,
			Cooldown: Duration(time.Second), MaxMB: 64, Start: "fast",
		},
		Block:     ResolverBlock{Answer: "zeroip", TTL: Duration(10 * time.Minute)},
		Cache:     ResolverCache{SizeMB: 32, MaxNegative: Duration(30 * time.Minute), Prefetch: true},
		Rebinding: ResolverRebinding{Enabled: true},
		Special:   ResolverSpecial{Enabled: true, AppendixG: true},
		Limits:    ResolverLimits{InFlight: 2048, QubeInFlight: 128, Rate: 1000, Burst: 2000, TCP: 256, QubeTCP: 16},
		Firewall:  ResolverFirewall{Obey: "auto", Socket: "/var/run/qubes/qubesdb.sock"},
		Log:       ResolverLog{Enabled: true, Queue: 16384},
		TSV:       ResolverTSV{MaxMB: 256},
	}
}

// UnusedLists returns the lists that no policy uses, in order. Without policies
// every list is used.
func (r *Resolver) UnusedLists() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(r.Lists)) {
		used := func(p ResolverPolicy) bool { return slices.Contains(p.Lists, name) }
		if len(r.Policies) > 0 && !slices.ContainsFunc(r.Policies, used) {
			names = append(names, name)
		}
	}
	return names
}

// On reports whether there is to be a resolver.
func (r *Resolver) On() bool { return len(r.Listen) > 0 }

// Port returns the port of the first address of the resolver, 0 without a
// resolver.
func (r *Resolver) Port() uint16 {
	if !r.On() {
		return 0
	}
	a, err := netip.ParseAddrPort(r.Listen[0])
	if err != nil {
		return 0 // reported when the settings are checked
	}
	return a.Port()
}
