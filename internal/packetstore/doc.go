// Package packetstore keeps the packets of chosen qubes on the disk, each qube's in
// files of its own, with an index that finds the packets of a flow in milliseconds.
//
// The meter calls [Store.Add] with every frame, which is copied once: into a chunk of
// memory that is written past the page cache as it is. [Store.Run] writes, in a goroutine
// of its own, and nothing that the disk does delays the meter. When memory or disk is
// short, packets are cut to their headers before any is lost, and every frame is
// accounted for:
//
//	frames = written + cut_flow + cut_pressure + excluded + lost_memory + lost_disk + waiting
//
// The folder holds
//
//	QUBE/BOOT-NUMBER-START.pcapng  a sealed segment: a pcapng file of one interface
//	QUBE/BOOT-NUMBER-START.pcapng.zst  the same, compressed
//	QUBE/BOOT-NUMBER-START.idx     its index: by flow, by Community ID, by time
//	.open-VIF-BOOT-NUMBER.pcapng   a segment that is being filled, valid at every moment
//	chain.log                      what happened to which segment, each line with the digest of the one before
//	reads.log                      who has read which packets
//	kept/                          copies that are never removed
//	lock
//
// A segment is sealed when it is large or old enough, or its qube has another name. What
// a crash leaves open is repaired by the next [Open]: at most the packets since the last
// flush are lost.
//
// A [Reader] finds, copies and verifies without the store that writes.
package packetstore
