package laptop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Site is a server that laptops visit.
type Site struct {
	addr            netip.Addr
	query, response []byte // DNS messages with the id 0
	hello           []byte // TLS record with the ClientHello
}

// NewSites returns n sites, at most 65,536. All laptops visit the same.
func NewSites(n int) (all []Site, err error) {
	for i := range n {
		name := fmt.Sprintf("www%d.example.org", i)
		s := Site{addr: netip.AddrFrom4([4]byte{198, 51, 100 + byte(i>>8), byte(i)})}
		if s.query, err = message(name, netip.Addr{}); err != nil {
			return nil, err
		}
		if s.response, err = message(name, s.addr); err != nil {
			return nil, err
		}
		if s.hello, err = clientHello(name); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// message returns a query, or a response if there is an answer.
func message(name string, answer netip.Addr) ([]byte, error) {
	m := &layers.DNS{RD: true, QDCount: 1, Questions: []layers.DNSQuestion{{Name: []byte(name), Type: layers.DNSTypeA, Class: layers.DNSClassIN}}}
	if answer.IsValid() {
		m.QR, m.RA, m.ANCount = true, true, 1
		m.Answers = []layers.DNSResourceRecord{{Name: []byte(name), Type: layers.DNSTypeA, Class: layers.DNSClassIN, TTL: 300, IP: answer.AsSlice()}}
	}
	b := gopacket.NewSerializeBuffer()
	if err := m.SerializeTo(b, gopacket.SerializeOptions{FixLengths: true}); err != nil {
		return nil, fmt.Errorf("making the DNS message of %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// errRecorded ends a handshake after its first record.
var errRecorded = errors.New("recorded")

// recorder is a connection that keeps what is written first.
type recorder struct {
	net.Conn // nil; a client writes before it does anything else
	first    []byte
}

// Write implements [net.Conn].
func (r *recorder) Write(b []byte) (int, error) {
	r.first = append(r.first, b...)
	return 0, errRecorded
}

// Close implements [net.Conn].
func (r *recorder) Close() error { return nil }

// clientHello returns the first record of a client that connects to a server. Its key exchange is
// the short one, so that it fits one segment.
func clientHello(name string) ([]byte, error) {
	r := &recorder{}
	err := tls.Client(r, &tls.Config{ServerName: name, CurvePreferences: []tls.CurveID{tls.X25519}}).Handshake()
	if !errors.Is(err, errRecorded) || len(r.first) == 0 {
		return nil, fmt.Errorf("making the ClientHello of %s: %w", name, err)
	}
	return r.first, nil
}
