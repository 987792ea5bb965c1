// Package capture brings in frames, from capture files or from live interfaces.
//
// Every source is a [Source]: Next fills a [Frame] whose bytes belong to the
// source and are valid until the following call. Nothing is copied and nothing
// is allocated per frame.
//
//	file (pcap, pcapng) ──▶ File ─┐
//	file ──────────────────▶ File ─┼▶ Merge ─▶ Pace ─▶ Source
//	vif7.0, vif12.0, ... ─▶ Ring ────────────────────▶ Source
//
// A [Ring] is one AF_PACKET socket over all interfaces. The interfaces that a
// [Matcher] does not want are refused in the kernel; a new interface is followed
// from its first packet on, because the filter names what is refused and not
// what is wanted.
package capture
