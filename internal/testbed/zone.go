//go:build linux

package testbed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// answerDNS answers from the zone example.org.
func answerDNS(w dns.ResponseWriter, req *dns.Msg) {
	resp := new(dns.Msg)
	resp.SetReply(req)
	resp.Authoritative, resp.RecursionAvailable = true, true
	if len(req.Question) != 1 {
		resp.Rcode = dns.RcodeFormatError
		_ = w.WriteMsg(resp)
		return
	}
	resp.Answer, resp.Rcode = lookup(req.Question[0])
	size := dns.MinMsgSize
	if opt := req.IsEdns0(); opt != nil {
		size = int(opt.UDPSize())
		resp.SetEdns0(1232, false)
	}
	if w.LocalAddr().Network() == "udp" {
		resp.Truncate(size)
	}
	_ = w.WriteMsg(resp)
}

// lookup returns the records of a question.
func lookup(q dns.Question) (records []dns.RR, rcode int) {
	hdr := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 300}
	switch name := strings.ToLower(q.Name); name {
	case WebName, "example.org.":
		switch q.Qtype {
		case dns.TypeA:
			return []dns.RR{&dns.A{Hdr: hdr, A: net.ParseIP(WebAddr)}}, dns.RcodeSuccess
		case dns.TypeAAAA:
			return []dns.RR{&dns.AAAA{Hdr: hdr, AAAA: net.ParseIP(WebAddr6)}}, dns.RcodeSuccess
		}
		return nil, dns.RcodeSuccess
	case BigName:
		if q.Qtype != dns.TypeTXT {
			return nil, dns.RcodeSuccess
		}
		txt := &dns.TXT{Hdr: hdr}
		for i := range 12 { // 12 * 200 bytes need TCP even with EDNS
			txt.Txt = append(txt.Txt, strings.Repeat(string(rune('a'+i)), 200))
		}
		return []dns.RR{txt}, dns.RcodeSuccess
	}
	return nil, dns.RcodeNameError
}

// selfSigned returns a certificate for names and addresses.
func selfSigned(names ...string) (cert tls.Certificate, certPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, fmt.Errorf("making a key: %w", err)
	}
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: names[0]},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return cert, nil, fmt.Errorf("making a certificate: %w", err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, certPEM, nil
}
