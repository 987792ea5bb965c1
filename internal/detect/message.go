package detect

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Message is a message of the DNS.
type Message struct {
	Client, Server netip.Addr
	Name           string // of the question, in lower case, without the last dot
	Type           uint16
	Response       bool
	NXDomain       bool
	Bytes          int
	Addresses      []Address // in the response
	FromClient     packet.Direction
}

// Address is an address in a response.
type Address struct {
	Addr netip.Addr
	TTL  uint32 // in seconds
}

// maxAddresses bounds the addresses that are read of a response.
const maxAddresses = 64

// rcodeNXDomain is the response code of a name that does not exist (RFC 1035).
const rcodeNXDomain = 3

// readMessage reads the message in a packet from or to port 53, nil if there is none. Over
// TCP, a message is read if it begins with the segment.
func readMessage(p *packet.Packet, frame []byte) *Message {
	msg, ok := p.Payload(frame)
	if !ok || p.Fragment == packet.FragmentLater {
		return nil
	}
	if p.Proto == packet.ProtoTCP {
		if len(msg) < 2 {
			return nil
		}
		msg = msg[2:]
	}
	if len(msg) < dnsmsg.HeaderSize || binary.BigEndian.Uint16(msg[4:]) != 1 {
		return nil
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	m := &Message{Client: p.Src.Netip(p.Family), Server: p.Dst.Netip(p.Family), Response: flags&dnsmsg.FlagQR != 0, Bytes: len(msg),
		FromClient: p.Direction}
	if m.Response {
		m.Client, m.Server, m.NXDomain = m.Server, m.Client, flags&15 == rcodeNXDomain
		m.FromClient = p.Direction.Opposite()
	}
	if m.Response != (p.SrcPort == 53) && p.SrcPort != p.DstPort || !m.question(msg) {
		return nil
	}
	if m.Response {
		m.addresses(msg)
	}
	return m
}

// question reads the question, and reports whether it could be read.
func (m *Message) question(msg []byte) bool {
	name, off, err := dnsmsg.AppendName(nil, msg, dnsmsg.HeaderSize)
	if err != nil || off+4 > len(msg) {
		return false
	}
	m.Name, m.Type = strings.TrimSuffix(strings.ToLower(dnsmsg.Text(name)), "."), binary.BigEndian.Uint16(msg[off:])
	return true
}

// addresses reads the addresses in the answer.
func (m *Message) addresses(msg []byte) {
	var r dnsmsg.Reader
	if r.Read(msg) != nil {
		return
	}
	for rr := (dnsmsg.Record{}); r.Next(&rr) && rr.Section == dnsmsg.Answer && len(m.Addresses) < maxAddresses; {
		if a := rr.Address(msg); a.IsValid() {
			m.Addresses = append(m.Addresses, Address{a, rr.TTL})
		}
	}
}
