package config

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Resolver holds the settings of the resolver. Without an address to listen at
// there is none.
type Resolver struct {
	Listen  []string `config:"listen"`
	Fail    string   `config:"fail"`
	Readers int      `config:"readers"`

	Upstreams map[string][]string `config:"upstreams"`
	Strategy  string              `config:"strategy"`
	Timeout   Duration            `config:"timeout"`
	Budget    Duration            `config:"budget"`
	Bootstrap []string            `config:"bootstrap"`
	MixCase   bool                `config:"mix_case"`
	CAFile    string              `config:"ca_file"`

	Zones       []ResolverZone    `config:"zones"`
	Records     []ResolverRecord  `config:"records"`
	ZoneRecords string            `config:"zone_records"`
	HostsFiles  []string          `config:"hosts_files"`
	Rewrite     []ResolverRewrite `config:"rewrite"`

	Lists     map[string]ResolverList     `config:"lists"`
	Refresh   ResolverRefresh             `config:"list_refresh"`
	Schedules map[string]ResolverSchedule `config:"schedules"`
	Policies  []ResolverPolicy            `config:"policies"`
	Block     ResolverBlock               `config:"block"`
	AllowOnly bool                        `config:"allow_only"`
	NoTypes   []string                    `config:"no_types"`
	FQDNOnly  bool                        `config:"fqdn_only"`

	Cache     ResolverCache     `config:"cache"`
	Rebinding ResolverRebinding `config:"rebinding"`
	Special   ResolverSpecial   `config:"special_use"`
	Limits    ResolverLimits    `config:"limits"`
	Firewall  ResolverFirewall  `config:"qvm_firewall"`
	Log       ResolverLog       `config:"log"`
	TSV       ResolverTSV       `config:"tsv"`
	Socket    string            `config:"socket"`
}

// What becomes of the qubes' DNS when the beat has stopped: it stops, too, or it
// goes where Qubes sends it without the resolver, past the lists and unlogged.
const (
	FailClosed = "closed"
	FailOpen   = "open"
)

// ResolverZone gives names upstreams of their own, whoever asks.
type ResolverZone struct {
	Names   []string `config:"names"`
	Servers []string `config:"servers"`
}

// ResolverRecord is a name that the resolver answers for.
type ResolverRecord struct {
	Name      string   `config:"name"`
	Addresses []string `config:"addresses"`
	Alias     string   `config:"alias"`
	TTL       Duration `config:"ttl"`
	// OtherTypes are asked for upstream, where the name has none of them here.
	OtherTypes bool `config:"other_types_upstream"`
}

// ResolverRewrite looks for x.To in records and zones where x.From is asked for.
type ResolverRewrite struct {
	From string `config:"from"`
	To   string `config:"to"`
}

// ResolverList is a list of names: URLs, paths, or the names themselves.
type ResolverList struct {
	Deny     []string `config:"deny"`
	Allow    []string `config:"allow"`
	Schedule string   `config:"schedule"`
}

// ResolverRefresh says how lists are fetched.
type ResolverRefresh struct {
	Period   Duration `config:"period"`
	Timeout  Duration `config:"timeout"`
	Attempts int      `config:"attempts"`
	Cooldown Duration `config:"cooldown"`
	MaxMB    int      `config:"max_mb"`
	// MaxErrors wrong lines end the reading of a list; 0: none does.
	MaxErrors int    `config:"max_errors"`
	Dir       string `config:"dir"`
	Start     string `config:"start"`
	Blocky    bool   `config:"blocky_syntax"`
}

// ResolverSchedule is a part of the week.
type ResolverSchedule struct {
	Weekdays []string `config:"weekdays"`
	Start    string   `config:"start"`
	End      string   `config:"end"`
}

// ResolverPolicy gives settings to qubes.
type ResolverPolicy struct {
	Qubes     []string `config:"qubes"`
	Labels    []string `config:"labels"`
	Classes   []string `config:"classes"`
	Templates []string `config:"templates"`
	Tags      []string `config:"tags"`
	Addresses []string `config:"addresses"`

	Lists     []string       `config:"lists"`
	Upstream  string         `config:"upstream"`
	AllowOnly *bool          `config:"allow_only"`
	Isolate   *bool          `config:"isolate"`
	Rebinding *bool          `config:"rebinding"`
	FQDNOnly  *bool          `config:"fqdn_only"`
	NoTypes   []string       `config:"no_types"`
	Block     *ResolverBlock `config:"block"`
	Schedule  string         `config:"schedule"`
}

// ResolverBlock says how blocked names are answered.
type ResolverBlock struct {
	Answer    string   `config:"answer"`
	Addresses []string `config:"addresses"`
	TTL       Duration `config:"ttl"`
}

// ResolverCache holds the choices of the cache.
type ResolverCache struct {
	SizeMB      int      `config:"size_mb"`
	MinTTL      Duration `config:"min_ttl"`
	MaxTTL      Duration `config:"max_ttl"`
	MaxNegative Duration `config:"max_negative_ttl"`
	Prefetch    bool     `config:"prefetch"`
	Stale       Duration `config:"serve_stale"`
	Isolate     bool     `config:"isolate"`
}

// ResolverRebinding keeps public names from leading into private networks.
type ResolverRebinding struct {
	Enabled bool     `config:"enabled"`
	Allow   []string `config:"allow"`
}

// ResolverSpecial answers names of special use locally.
type ResolverSpecial struct {
	Enabled   bool `config:"enabled"`
	AppendixG bool `config:"rfc6762_appendix_g"`
}

// ResolverLimits bound what clients can make the resolver do.
type ResolverLimits struct {
	InFlight     int `config:"in_flight"`
	QubeInFlight int `config:"in_flight_per_qube"`
	Rate         int `config:"queries_per_second_per_qube"`
	Burst        int `config:"burst_per_qube"`
	TCP          int `config:"tcp_connections"`
	QubeTCP      int `config:"tcp_connections_per_qube"`
}

// ResolverFirewall says whether the rules of qvm-firewall are obeyed.
type ResolverFirewall struct {
	Obey   string `config:"obey"` // auto, always, never
	Socket string `config:"qubesdb"`
}

// ResolverLog holds the choices of the query log.
type ResolverLog struct {
	Enabled  bool     `config:"enabled"`
	Queue    int      `config:"queue"`
	Coalesce Duration `config:"coalesce"`
	Index    string   `config:"index"`
}

// ResolverTSV is blocky's query log, one file for each qube and day.
type ResolverTSV struct {
	Dir           string `config:"dir"`
	RetentionDays int    `config:"retention_days"`
	// StrictBlocky leaves out what blocky's log does not have.
	StrictBlocky bool `config:"strict_blocky"`
}

// defaultResolver returns what holds where the file says nothing.
func defaultResolver() Resolver {
	return Resolver{
		Fail: FailClosed, Readers: 1, Strategy: "parallel_best", Timeout: Duration(2 * time.Second), Budget: Duration(4 * time.Second),
		Refresh: ResolverRefresh{Period: Duration(4 * time.Hour), Timeout: Duration(60 * time.Second), Attempts: 3,
			Cooldown: Duration(time.Second), MaxMB: 64, Start: "fast"},
		Block:     ResolverBlock{Answer: "zeroip", TTL: Duration(10 * time.Minute)},
		Cache:     ResolverCache{SizeMB: 32, MaxNegative: Duration(30 * time.Minute), Prefetch: true},
		Rebinding: ResolverRebinding{Enabled: true}, Special: ResolverSpecial{Enabled: true, AppendixG: true},
		Limits:   ResolverLimits{InFlight: 2048, QubeInFlight: 128, Rate: 1000, Burst: 2000, TCP: 256, QubeTCP: 16},
		Firewall: ResolverFirewall{Obey: "auto", Socket: "/var/run/qubes/qubesdb.sock"},
		Log:      ResolverLog{Enabled: true, Queue: 16384},
	}
}

// UnusedLists returns the lists that no policy names, where there are policies.
func (r *Resolver) UnusedLists() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(r.Lists)) {
		if len(r.Policies) > 0 && !slices.ContainsFunc(r.Policies, func(p ResolverPolicy) bool { return slices.Contains(p.Lists, name) }) {
			names = append(names, name)
		}
	}
	return names
}

// On reports whether there is to be a resolver.
func (r *Resolver) On() bool { return len(r.Listen) > 0 }

// Port returns the port that the first address of the resolver has, 0 without a
// resolver.
func (r *Resolver) Port() uint16 {
	if !r.On() {
		return 0
	}
	a, err := netip.ParseAddrPort(r.Listen[0])
	if err != nil {
		return 0 // Validate has said so
	}
	return a.Port()
}
