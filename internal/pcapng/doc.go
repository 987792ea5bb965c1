// Package pcapng writes and reads capture files in the format pcapng
// (draft-ietf-opsawg-pcapng): section headers, interfaces, enhanced packets, names and
// statistics, little-endian.
//
// The Append functions append one block each to a slice and allocate nothing if it has
// room. They write what tcpdump, tshark and Wireshark read without a warning: no custom
// blocks, no secrets, one length of options at the end.
//
// A [Scanner] reads the blocks of a file of either byte order, and believes none of the
// lengths in it.
package pcapng
