//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// Block types and options of draft-ietf-opsawg-pcapng.
const (
	blockSection   = 0x0A0D0D0A
	blockInterface = 1
	blockPacket    = 6

	optUserAppl = 4 // of a section
	optIfName   = 2 // of an interface
	optTSResol  = 9 // of an interface
	optFlags    = 2 // of a packet

	flagInbound  = 1
	flagOutbound = 2

	linkEthernet = 1
)

// packet is one packet of a capture.
type packet struct {
	iface    int // index of the interface
	time     time.Time
	outbound bool
	data     []byte
}

// writePcapng writes a capture of Ethernet interfaces: a section, one block
// per interface and one per packet, which must be in order. gopacket's
// NgWriter cannot say the direction of a packet, therefore by hand.
func writePcapng(w io.Writer, ifaces []string, packets []packet) error {
	b := bufio.NewWriter(w)
	section := binary.LittleEndian.AppendUint32(nil, 0x1A2B3C4D) // byte order
	section = binary.LittleEndian.AppendUint16(section, 1)       // version 1.0
	section = binary.LittleEndian.AppendUint16(section, 0)
	section = binary.LittleEndian.AppendUint64(section, 1<<64-1) // length unknown
	section = appendOption(section, optUserAppl, []byte("qubesbeat testbed"))
	section = appendOption(section, 0, nil)
	writeBlock(b, blockSection, section)

	for _, name := range ifaces {
		body := binary.LittleEndian.AppendUint16(nil, linkEthernet)
		body = binary.LittleEndian.AppendUint16(body, 0)
		body = binary.LittleEndian.AppendUint32(body, 0) // no limit of length
		body = appendOption(body, optIfName, []byte(name))
		body = appendOption(body, optTSResol, []byte{9}) // nanoseconds
		writeBlock(b, blockInterface, appendOption(body, 0, nil))
	}
	for _, p := range packets {
		writeBlock(b, blockPacket, p.body())
	}
	return b.Flush() // the writer keeps the first error
}

// body returns the content of an enhanced packet block.
func (p packet) body() []byte {
	ns := uint64(p.time.UnixNano())
	body := make([]byte, 0, len(p.data)+40)
	body = binary.LittleEndian.AppendUint32(body, uint32(p.iface))
	body = binary.LittleEndian.AppendUint32(body, uint32(ns>>32))
	body = binary.LittleEndian.AppendUint32(body, uint32(ns))
	body = binary.LittleEndian.AppendUint32(body, uint32(len(p.data))) // captured
	body = binary.LittleEndian.AppendUint32(body, uint32(len(p.data))) // on the wire
	body = appendPadded(body, p.data)
	flags := uint32(flagInbound)
	if p.outbound {
		flags = flagOutbound
	}
	body = appendOption(body, optFlags, binary.LittleEndian.AppendUint32(nil, flags))
	return appendOption(body, 0, nil)
}

// writeBlock writes a block around its body.
func writeBlock(w *bufio.Writer, kind uint32, body []byte) {
	length := uint32(len(body) + 12)
	head := binary.LittleEndian.AppendUint32(nil, kind)
	head = binary.LittleEndian.AppendUint32(head, length)
	_, _ = w.Write(head)
	_, _ = w.Write(body)
	_, _ = w.Write(binary.LittleEndian.AppendUint32(nil, length))
}

// appendOption appends an option; code 0 ends the list.
func appendOption(b []byte, code uint16, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return appendPadded(b, value)
}

// appendPadded appends data up to the next multiple of four bytes.
func appendPadded(b, data []byte) []byte {
	b = append(b, data...)
	return append(b, bytes.Repeat([]byte{0}, -len(data)&3)...)
}
