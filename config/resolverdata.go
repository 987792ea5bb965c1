package config

// ResolverZone gives names upstreams that do not depend on the client.
type ResolverZone struct {
	// Names are the names, with all below them; "." stands for names of one label.
	Names []string `config:"names"`
	// Servers are the upstreams, one at least.
	Servers []string `config:"servers"`
}

// ResolverRecord is a name that the resolver answers for. It has either addresses
// or an alias.
type ResolverRecord struct {
	// Name is the name; *.NAME answers for all names below, and for NAME if that has no
	// record of its own.
	Name string `config:"name"`
	// Addresses are the addresses of the name, and have it as their PTR record.
	Addresses []string `config:"addresses"`
	// Alias is the target of a CNAME record. Empty for none.
	Alias string `config:"alias"`
	// TTL is the TTL of the records, in whole seconds. 0, the default, for 1h.
	TTL Duration `config:"ttl"`
	// OtherTypes asks upstreams for types that the name has no record of. Default
	// false: those are answered with nothing.
	OtherTypes bool `config:"other_types_upstream"`
}

// ResolverRewrite searches x.To in records and zones if a client asks for x.From.
type ResolverRewrite struct {
	// From is the end of a name to replace.
	From string `config:"from"`
	// To is the end that replaces it.
	To string `config:"to"`
}

// ResolverCache holds the settings of the cache.
type ResolverCache struct {
	// SizeMB is its size in MiB. Default 32, up to 4096; 0 for no cache.
	SizeMB int `config:"size_mb"`
	// MinTTL raises shorter TTLs. Default 0, for none.
	MinTTL Duration `config:"min_ttl"`
	// MaxTTL lowers longer TTLs. Default 0, for none.
	MaxTTL Duration `config:"max_ttl"`
	// MaxNegative bounds how long negative answers (RFC 2308) are kept. Default 30m; 0
	// for not at all.
	MaxNegative Duration `config:"max_negative_ttl"`
	// Prefetch renews answers that are in use shortly before they expire. Default
	// true.
	Prefetch bool `config:"prefetch"`
	// Stale is for how long expired answers serve while upstreams fail (RFC 8767).
	// Default 0, for not at all; up to 1h.
	Stale Duration `config:"serve_stale"`
	// Isolate gives each qube a cache that no other shares. Default false.
	Isolate bool `config:"isolate"`
}

// ResolverRebinding removes answers that lead from a public name into a private
// network.
type ResolverRebinding struct {
	// Enabled turns the protection on. Default true.
	Enabled bool `config:"enabled"`
	// Allow are names, with all below them, that may lead there. Default none.
	Allow []string `config:"allow"`
}

// ResolverSpecial answers special-use names locally.
type ResolverSpecial struct {
	// Enabled answers the names of RFC 6761, RFC 7686 and RFC 6303. Default true.
	Enabled bool `config:"enabled"`
	// AppendixG also answers the names of RFC 6762 appendix G, such as .lan. Default
	// true.
	AppendixG bool `config:"rfc6762_appendix_g"`
}

// ResolverLimits bound what clients can make the resolver do.
type ResolverLimits struct {
	// InFlight is how many queries may wait for upstreams. Default 2048, 1 to 65536.
	InFlight int `config:"in_flight"`
	// QubeInFlight is how many of them may be those of one qube. Default 128, at least
	// 1.
	QubeInFlight int `config:"in_flight_per_qube"`
	// Rate is how many queries a qube may send in a second. Default 1000; 0 for no
	// limit.
	Rate int `config:"queries_per_second_per_qube"`
	// Burst is how many queries a qube may send at once. Default 2000.
	Burst int `config:"burst_per_qube"`
	// TCP is how many TCP connections there may be. Default 256, at least 1.
	TCP int `config:"tcp_connections"`
	// QubeTCP is how many of them may be those of one qube. Default 16, at least 1.
	QubeTCP int `config:"tcp_connections_per_qube"`
}

// ResolverFirewall is how the rules of qvm-firewall are obeyed.
type ResolverFirewall struct {
	// Obey is auto (the default: if there is QubesDB), always (without QubesDB every
	// query is refused) or never.
	Obey string `config:"obey"`
	// Socket is the path of QubesDB's socket, default /var/run/qubes/qubesdb.sock.
	Socket string `config:"qubesdb"`
}

// ResolverLog holds the settings of the events of queries.
type ResolverLog struct {
	// Enabled publishes an event for each query. Default true.
	Enabled bool `config:"enabled"`
	// Queue is how many outcomes may wait to be written. Default 16384, 16 to 1048576;
	// what does not fit is dropped and counted.
	Queue int `config:"queue"`
	// Coalesce publishes the same question and outcome of a qube once in that time,
	// with a count. Default 0, for every query; 1s to 10m.
	Coalesce Duration `config:"coalesce"`
}

// ResolverTSV is blocky's query log, one file for each qube and day.
type ResolverTSV struct {
	// Dir is the directory of the files, which must exist. Empty, the default, for no
	// such log.
	Dir string `config:"dir"`
	// RetentionDays is after how many days files are removed. Default 0, for never.
	RetentionDays int `config:"retention_days"`
	// MaxMB bounds the files together, in MiB. Default 256, 0 for no bound.
	MaxMB int `config:"max_mb"`
	// StrictBlocky leaves out what blocky does not log. Default false.
	StrictBlocky bool `config:"strict_blocky"`
}
