// Package packetstore keeps the packets of chosen qubes on the disk, each qube's in
// files of its own, with an index that finds the packets of a flow in milliseconds.
package packetstore
