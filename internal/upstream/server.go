package upstream

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Proto is how a server is spoken to.
type Proto uint8

// The protocols.
const (
	UDP Proto = iota // and TCP for answers that are too large
	TCP
	TLS
	HTTPS
)

// String returns the protocol as addresses of servers begin with it.
func (p Proto) String() string { return [...]string{"udp", "tcp", "tls", "https"}[p] }

// Address says where a server is and how to know that it is the right one.
type Address struct {
	Proto Proto
	Host  string // a name, or an address
	IP    netip.Addr
	Port  uint16
	Path  string   // of HTTPS
	Name  string   // in the certificate
	Pins  [][]byte // SHA-256 hashes of the public keys that may stand in its chain; none: any valid chain will do
}

// String returns the address in the form that Parse reads, without the pins.
func (a *Address) String() string {
	host := a.Host
	if a.IP.Is6() {
		host = "[" + host + "]"
	}
	s := fmt.Sprintf("%s://%s:%d%s", a.Proto, host, a.Port, a.Path)
	if a.Name != "" && a.Name != a.Host {
		s += "#" + a.Name
	}
	return s
}

// Endpoint returns address and port as events show them.
func (a *Address) Endpoint() string {
	if a.IP.IsValid() {
		return netip.AddrPortFrom(a.IP, a.Port).String()
	}
	return a.Host + ":" + strconv.Itoa(int(a.Port))
}

var defaultPorts = map[string]uint16{"udp": 53, "tcp": 53, "tls": 853, "https": 443}

var protos = map[string]Proto{"udp": UDP, "tcp": TCP, "tls": TLS, "https": HTTPS}

// Parse reads the address of a server:
//
//	udp://10.139.1.1          udp://10.139.1.1:5300     10.139.1.1
//	tls://9.9.9.9#dns.quad9.net    https://9.9.9.9/dns-query#dns.quad9.net
//	https://dns.quad9.net/dns-query    tls://9.9.9.9#dns.quad9.net;pin-sha256=BASE64
//
// What stands behind # is the name in the server's certificate.
func Parse(text string) (*Address, error) {
	full := text
	if !strings.Contains(text, "://") {
		full = "udp://" + bracket(text)
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, errors.Unwrap(err))
	}
	proto, ok := protos[u.Scheme]
	if !ok {
		return nil, fmt.Errorf("%q: the protocol %q is not known; use udp, tcp, tls or https", text, u.Scheme)
	}
	a := &Address{Proto: proto, Host: u.Hostname(), Port: defaultPorts[u.Scheme], Path: u.Path}
	_, notIP := netip.ParseAddr(a.Host)
	if a.Host == "" || notIP != nil && strings.Contains(a.Host, ":") || u.User != nil || u.RawQuery != "" || proto != HTTPS && u.Path != "" {
		return nil, fmt.Errorf("%q: want protocol://host:port, and for https a path", text)
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q: %q is no port", text, p)
		}
		a.Port = uint16(n)
	}
	if proto == HTTPS && a.Path == "" {
		a.Path = "/dns-query"
	}
	a.IP, _ = netip.ParseAddr(a.Host)
	return a, a.certificate(text, u.Fragment)
}

// bracket puts an IPv6 address without a port into brackets.
func bracket(s string) string {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Is6() {
		return "[" + s + "]"
	}
	return s
}

// certificate reads what stands behind #.
func (a *Address) certificate(text, fragment string) error {
	parts := strings.Split(fragment, ";")
	if a.Name = parts[0]; a.Name == "" && a.Proto >= TLS {
		a.Name = a.Host
	}
	if a.Proto < TLS && fragment != "" {
		return fmt.Errorf("%q: only tls and https have a certificate to check", text)
	}
	for _, p := range parts[1:] {
		value, ok := strings.CutPrefix(p, "pin-sha256=")
		pin, err := base64.StdEncoding.DecodeString(value)
		if !ok || err != nil || len(pin) != 32 {
			return fmt.Errorf("%q: %q is not pin-sha256= and the base64 text of 32 bytes", text, p)
		}
		a.Pins = append(a.Pins, pin)
	}
	return nil
}
