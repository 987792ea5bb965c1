// Package enrich finds the qubes behind a flow.
//
// The rule is observation point first: what comes in on a vif belongs to the
// qube of that vif, whatever its source address says. An address that is not
// the qube's own is reported as spoofed, under the name of the vif's qube.
// Only where the vif's domain is not in the inventory, or the capture names no
// interfaces, does the address decide. Mappings are those of the flow's own
// time.
package enrich
