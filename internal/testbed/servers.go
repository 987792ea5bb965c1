//go:build linux

package testbed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// Addresses of the world, from the blocks for documentation of RFC 5737 and
// RFC 3849, and the magic DNS addresses that every qube has.
const (
	WebAddr  = "198.51.100.7"
	WebAddr6 = "2001:db8::7"
	DNSAddr  = "192.0.2.53"
	DNSAddr6 = "2001:db8::53"
	MagicDNS = "10.139.1.1"

	// Unreachable answers everything with ICMP host unreachable.
	Unreachable = "203.0.113.66"
)

// Pages of the web server. SmallURL is short; LargeURL ends in the number of
// bytes to send; RefusedURL is a closed port. TLS is at https:// and WebAddr
// with the certificate of Servers.
const (
	SmallURL   = "http://" + WebAddr + "/"
	SmallURL6  = "http://[" + WebAddr6 + "]/"
	LargeURL   = "http://" + WebAddr + "/large?bytes="
	RefusedURL = "http://" + WebAddr + ":81/"
)

// Names that the DNS server has. All others do not exist.
const (
	WebName = "www.example.org."
	BigName = "big.example.org." // its TXT needs TCP
)

// Servers are the servers of the world.
type Servers struct {
	// CertPEM is the self-signed certificate of https, for example.org,
	// www.example.org and WebAddr.
	CertPEM []byte
}

// bootWorld gives sys-net the addresses of the world.
func (n *Network) bootWorld() error {
	if err := n.Net.Sysctl("ipv6/conf/lo/disable_ipv6", "0"); err != nil {
		return err
	}
	var lines []string
	for _, a := range []string{WebAddr, WebAddr6, DNSAddr, DNSAddr6, MagicDNS, "10.139.1.2"} {
		lines = append(lines, fmt.Sprintf("addr add %s dev lo", host(netip.MustParseAddr(a))))
	}
	for _, a := range []netip.Addr{n.Net.IP, n.Net.IP6} {
		lines = append(lines, fmt.Sprintf("addr add %s dev lo", host(a)))
	}
	lines = append(lines, "route add unreachable "+Unreachable)
	return n.Net.ip(lines...)
}

// StartServers starts the HTTP, HTTPS and DNS servers in sys-net. They stop
// with the test.
func (n *Network) StartServers() *Servers {
	n.tb.Helper()
	cert, certPEM, err := selfSigned("example.org", WebName[:len(WebName)-1], WebAddr, WebAddr6)
	n.must(err)
	n.must(n.Net.Do(func() error {
		for _, a := range []string{WebAddr, WebAddr6} {
			if err := n.serveWeb(a, cert); err != nil {
				return err
			}
		}
		for _, a := range []string{DNSAddr, DNSAddr6, MagicDNS, "10.139.1.2"} {
			if err := n.serveDNS(a); err != nil {
				return err
			}
		}
		return nil
	}))
	return &Servers{CertPEM: certPEM}
}

// serveWeb starts the web server on one address. It is called in sys-net.
func (n *Network) serveWeb(addr string, cert tls.Certificate) error {
	plain, err := net.Listen("tcp", net.JoinHostPort(addr, "80"))
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	secure, err := net.Listen("tcp", net.JoinHostPort(addr, "443"))
	if err != nil {
		_ = plain.Close()
		return fmt.Errorf("listening: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello from example.org\n")
	})
	mux.HandleFunc("/large", serveLarge)
	srv := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		// Tests disconnect clients in the middle of a response.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	tlsConf := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	n.serve(func() error { return srv.Serve(plain) }, srv.Close)
	n.serve(func() error { return srv.Serve(tls.NewListener(secure, tlsConf)) }, srv.Close)
	return nil
}

// serveLarge sends as many bytes as ?bytes= says.
func serveLarge(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.ParseInt(r.FormValue("bytes"), 10, 64)
	if err != nil || size < 0 || size > 1<<32 {
		http.Error(w, "bytes must be a number up to 4294967296", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	_, _ = io.CopyN(w, filler{}, size)
}

// filler reads as endless lines of text.
type filler struct{}

// Read implements the [io.Reader] interface for filler.
func (filler) Read(p []byte) (int, error) {
	const line = "the quick brown fox jumps over the lazy dog\n"
	for i := range p {
		p[i] = line[i%len(line)]
	}
	return len(p), nil
}

// serveDNS starts the DNS server on one address, UDP and TCP. It is called in
// sys-net.
func (n *Network) serveDNS(addr string) error {
	at := net.JoinHostPort(addr, "53")
	pc, err := net.ListenPacket("udp", at)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		_ = pc.Close()
		return fmt.Errorf("listening: %w", err)
	}
	for _, srv := range []*dns.Server{
		{PacketConn: pc, Handler: dns.HandlerFunc(answerDNS)},
		{Listener: l, Handler: dns.HandlerFunc(answerDNS)},
	} {
		up := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(up) }
		n.serve(srv.ActivateAndServe, func() error {
			<-up
			return srv.Shutdown()
		})
	}
	return nil
}

// serve runs a server until the test ends and waits for its end.
func (n *Network) serve(run, stop func() error) {
	done := make(chan error, 1)
	go func() { done <- run() }()
	n.tb.Cleanup(func() {
		_ = stop()
		err := <-done
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.Canceled) {
			n.tb.Logf("testbed: server: %v", err)
		}
	})
}
