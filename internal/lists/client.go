package lists

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/addrscope"
)

// The bounds of what servers send before a list.
const (
	maxHeader    = 64 << 10 // bytes of all headers
	maxRedirects = 10
)

// route is the way of one fetch. Where a redirect may lead depends on the URL that
// the user has configured: a server must not use the beat to reach hosts that it
// cannot reach itself. Connections are therefore not shared with other fetches.
type route struct {
	conf *Config
	host string // of the user's URL
	port string // of the user's URL

	mu      sync.Mutex
	proxies map[string]bool // guarded by mu: addresses of proxies, with port
}

// client returns a client for one fetch. close closes its connections.
func (m *Manager) client(from *url.URL) (client *http.Client, close func()) {
	r := &route{conf: &m.conf, host: strings.ToLower(from.Hostname()), port: portOf(from), proxies: map[string]bool{}}
	t := &http.Transport{
		DialContext: r.dial, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxHeader,
		ResponseHeaderTimeout: m.conf.Timeout, TLSHandshakeTimeout: m.conf.Timeout,
	}
	if m.conf.Proxy != nil {
		t.Proxy = r.proxy
	}
	return &http.Client{Transport: t, CheckRedirect: r.redirect}, t.CloseIdleConnections
}

// redirect checks where a server wants to send the beat. What a name resolves to is
// checked by dial.
func (r *route) redirect(to *http.Request, via []*http.Request) error {
	u, from := to.URL, via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects: %w", maxRedirects, errFinal)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("a redirect to the scheme %q: %w", u.Scheme, errFinal)
	case u.Scheme == "http" && from.Scheme == "https":
		return fmt.Errorf("a redirect from https to http, to %s: %w", u.Host, errFinal)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !r.may(u.Hostname(), portOf(u), a) {
		return fmt.Errorf("a redirect: %w", privateError(u.Hostname(), a))
	}
	return nil
}

// portOf returns the port of a URL, that of its scheme if it names none.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return httpsPort
	}
	return httpPort
}

const (
	httpPort  = "80"
	httpsPort = "443"
)

// may reports whether a host may be asked at an address: any host of the public
// network, and a private one only if the user's own URL says so. On such a host it
// is that port only, for there may be more on it than lists; but http may become
// https.
func (r *route) may(host, port string, a netip.Addr) bool {
	if !addrscope.Private(a) {
		return true
	}
	if strings.ToLower(host) != r.host || port != r.port && (r.port != httpPort || port != httpsPort) {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err == nil || r.conf.Private != nil && r.conf.Private(host)
}

// privateError is the error of a host that must not be asked at an address.
func privateError(host string, a netip.Addr) error {
	return fmt.Errorf("%s is at %s, which is not an address of the public network; if the server is yours, "+
		"put its address in the URL, or its name in resolver.rebinding.allow: %w", host, a, errFinal)
}

// proxy returns the proxy for a request. It is where the user's environment says,
// and the proxy looks up the names of hosts.
func (r *route) proxy(req *http.Request) (*url.URL, error) {
	u, err := r.conf.Proxy(req)
	if err != nil || u == nil {
		return u, err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.proxies[net.JoinHostPort(strings.ToLower(u.Hostname()), port)] = true
	return u, nil
}

func (r *route) isProxy(address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.proxies[strings.ToLower(address)]
}

// dial connects to a host: to the first of its addresses that answers. It connects to the very
// address that it has checked, so that a name that resolves to another one the next time makes no
// difference.
func (r *route) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	all, err := r.lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("finding the address of %s: %w", host, err)
	}
	may := slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return !r.isProxy(address) && !r.may(host, port, a) })
	if len(may) == 0 {
		return nil, privateError(host, all[0])
	}
	var faults []error
	until := time.Now().Add(r.conf.Timeout)
	for i, a := range may { // the last one leaves as much time for the list
		share := time.Until(until) / time.Duration(len(may)-i+1)
		conn, err := r.connect(ctx, network, net.JoinHostPort(a.String(), port), share)
		if err == nil {
			return conn, nil
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

// connect connects to an address within a time. The context of a dial has no deadline.
func (r *route) connect(ctx context.Context, network, address string, within time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if r.conf.Dial != nil {
		return r.conf.Dial(ctx, network, address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// lookup returns the addresses of a host, at least one.
func (r *route) lookup(ctx context.Context, host string) (all []netip.Addr, err error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if r.conf.Lookup != nil {
		all, err = r.conf.Lookup(ctx, host)
	} else {
		all, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	if err == nil && len(all) == 0 {
		err = errors.New("it has none")
	}
	for i := range all {
		all[i] = all[i].Unmap()
	}
	return all, err
}
