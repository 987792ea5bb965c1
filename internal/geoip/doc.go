// Package geoip says in which country, and in which autonomous system, a public address is
// registered, from files that the user has. Nothing is shipped, and nothing is asked of
// the network.
//
// A file is a MaxMind DB (mmdb), the text of Tor's geoip and geoip6, or CSV with the first
// and the last address of each range, as addresses or as numbers, and a country of two
// letters, or the number and the name of an autonomous system. What it is is found by its
// content.
//
// Only addresses of public hosts are looked up: none that is private, shared (RFC 6598),
// link-local, multicast, or for documentation (RFC 5737, RFC 3849, RFC 9637) and
// benchmarks (RFC 2544), whatever a file says of them.
package geoip
