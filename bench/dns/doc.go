// Command dns compares the resolver of qubesbeat with dnsmasq, unbound and, where
// it can be built, blocky: on one core each, under dnsperf, in the same run.
package main
