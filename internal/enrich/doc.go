// Package enrich attributes flows to qubes.
//
// The observation point comes first: what enters on a vif belongs to the qube of
// that vif, whatever its source address is. A source address that is not the
// qube's is reported as spoofed, under the name of the vif's qube. The address
// decides only if the vif's domain is not in the inventory or the capture has no
// names of interfaces. The inventory is that of the flow's time.
package enrich
