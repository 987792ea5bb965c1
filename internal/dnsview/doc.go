// Package dnsview maps the addresses that the qubes connect to back to names, using
// the DNS answers that each qube has received. It also finds flows that bypass the
// resolver: connections to addresses that no answer contained, and DNS to other
// servers.
package dnsview
