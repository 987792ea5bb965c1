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

// Proto is the protocol in which a server is queried.
type Proto uint8

// The protocols. Those from TLS on are encrypted.
const (
	UDP Proto = iota // and TCP for answers that are too large
	TCP
	TLS
	HTTPS
)

// String returns the scheme of server addresses, "proto N" for an unknown value.
func (p Proto) String() string {
	names := [...]string{"udp", "tcp", "tls", "https"}
	if int(p) < len(names) {
		return names[p]
	}
	return "proto " + strconv.Itoa(int(p))
}

// Address is the address of a server and how to authenticate it.
type Address struct {
	Proto Proto
	Host  string     // a name or an address
	IP    netip.Addr // invalid if Host is a name
	Port  uint16
	Path  string   // of HTTPS
	Name  string   // that the certificate must have; with TLS and HTTPS
	Pins  [][]byte // SHA-256 hashes of public keys, one of which must be in the chain; empty for any valid chain
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

// Endpoint returns the host and the port.
func (a *Address) Endpoint() string {
	if a.IP.IsValid() {
		return netip.AddrPortFrom(a.IP, a.Port).String()
	}
	return a.Host + ":" + strconv.Itoa(int(a.Port))
}

// schemes are the protocols and default ports of the schemes of addresses.
var schemes = map[string]struct {
	proto Proto
	port  uint16
}{"udp": {UDP, 53}, "tcp": {TCP, 53}, "tls": {TLS, 853}, "https": {HTTPS, 443}}

// Parse reads the address of a server:
//
//	udp://10.139.1.1          udp://10.139.1.1:5300     10.139.1.1
//	tls://9.9.9.9#dns.quad9.net    https://9.9.9.9/dns-query#dns.quad9.net
//	https://dns.quad9.net/dns-query    tls://9.9.9.9#dns.quad9.net;pin-sha256=BASE64
//
// The fragment is the name in the server's certificate, and may have the hashes of
// pinned keys behind it.
func Parse(text string) (*Address, error) {
	full := text
	if !strings.Contains(text, "://") {
		full = "udp://" + bracket(text)
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, errors.Unwrap(err))
	}
	scheme, ok := schemes[u.Scheme]
	if !ok {
		return nil, fmt.Errorf("%q: the protocol %q is not known; use udp, tcp, tls or https", text, u.Scheme)
	}
	a := &Address{Proto: scheme.proto, Host: u.Hostname(), Port: scheme.port, Path: u.Path}
	a.IP, err = netip.ParseAddr(a.Host)
	notHost := a.Host == "" || err != nil && strings.Contains(a.Host, ":")
	if notHost || u.User != nil || u.RawQuery != "" || a.Proto != HTTPS && u.Path != "" {
		return nil, fmt.Errorf("%q: want protocol://host:port, and for https a path", text)
	}
	if err := a.setPort(u.Port()); err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	if a.Proto == HTTPS && a.Path == "" {
		a.Path = "/dns-query"
	}
	return a, a.certificate(text, u.Fragment)
}

// setPort sets the port from text and keeps the default if that is empty.
func (a *Address) setPort(text string) error {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is not a port", text)
	}
	a.Port = uint16(n)
	return nil
}

// bracket puts an IPv6 address without a port into brackets.
func bracket(s string) string {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Is6() {
		return "[" + s + "]"
	}
	return s
}

// certificate reads the fragment of an address: the name in the certificate, and
// pins after semicolons.
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
			return fmt.Errorf("%q: %q is not pin-sha256= followed by 32 bytes in base64", text, p)
		}
		a.Pins = append(a.Pins, pin)
	}
	return nil
}
