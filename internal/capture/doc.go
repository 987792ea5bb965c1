// Package capture reads frames from capture files or live interfaces.
//
// Every source is a [Source]: Next fills a [Frame] whose bytes belong to the
// source and are valid until the following call. Nothing is copied and nothing
// is allocated per frame.
//
//	file (pcap, pcapng) ──▶ File ─┐
//	file ──────────────────▶ File ─┼▶ Merge ─▶ Pace ─▶ Source
//	vif7.0, vif12.0, ... ─▶ Ring ────────────────────▶ Source
//
// A [Ring] is one AF_PACKET socket for all interfaces. Frames of interfaces that a
// [Matcher] does not select are refused in the kernel. A new interface is captured
// from its first packet on, because the filter lists the interfaces to refuse and
// not those to accept.
package capture
