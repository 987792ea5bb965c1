//go:build linux

package flood_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// What the neighbour does.
const (
	conversations = 200 // datagrams, each of a port of its own
	serverNames   = 200 // connections with TLS
	queries       = 200
	refusals      = 50
	refusedPort   = 8443
	firstPort     = 20_000
	lastTry       = 5 // of what the flood makes the kernel drop
)

// quiet is the qube beside the one that floods.
type quiet struct {
	*testbed.Qube
	t *testing.T
}

// act does all that the neighbour does, spread over a time.
func (q *quiet) act(over time.Duration) {
	var all sync.WaitGroup
	for _, one := range []struct {
		n  int
		do func(i int) error
	}{{conversations, q.talk}, {serverNames, q.greet}, {queries, q.ask}, {refusals, q.beRefused}, {1, q.bypass}} {
		all.Go(func() {
			err := q.Do(func() error {
				next := time.NewTicker(over / time.Duration(one.n+1))
				defer next.Stop()
				for i := range one.n {
					<-next.C
					if err := one.do(i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				q.t.Error(err)
			}
		})
	}
	all.Wait()
}

func (q *quiet) address(port int) netip.AddrPort { return netip.AddrPortFrom(q.IP, uint16(port)) }

// talk sends datagrams of one flow.
func (q *quiet) talk(i int) error {
	conn, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(q.address(firstPort+i)),
		net.UDPAddrFromAddrPort(netip.MustParseAddrPort(testbed.WebAddr+":7000")))
	if err != nil {
		return err
	}
	defer conn.Close()
	for range 3 {
		_, _ = conn.Write([]byte("a datagram")) // an earlier one may have been refused
	}
	return nil
}

func serverName(i int) string { return fmt.Sprintf("n%d.quiet.example", i) }

// greet begins a connection with TLS. Whether the server's answer comes through the
// flood does not matter.
func (q *quiet) greet(i int) error {
	d := net.Dialer{Timeout: 3 * time.Second}
	for range lastTry {
		conn, err := d.Dial("tcp4", testbed.WebAddr+":443")
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_ = tls.Client(conn, &tls.Config{ServerName: serverName(i), InsecureSkipVerify: true}).Handshake()
		return conn.Close()
	}
	return fmt.Errorf("no connection %d to the web server in %d tries", i, lastTry)
}

func question(i int) string { return fmt.Sprintf("q%d.quiet.example.", i) }

// ask asks the resolver for a name.
func (q *quiet) ask(i int) error {
	m := new(dns.Msg).SetQuestion(question(i), dns.TypeA)
	c := dns.Client{Timeout: 3 * time.Second}
	for range lastTry {
		if _, _, err := c.Exchange(m, testbed.MagicDNS+":53"); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no answer to query %d in %d tries", i, lastTry)
}

// beRefused tries a port that the qube's firewall rules reject.
func (q *quiet) beRefused(i int) error {
	d := net.Dialer{Timeout: time.Second, LocalAddr: net.TCPAddrFromAddrPort(q.address(firstPort + i))}
	if conn, err := d.Dial("tcp4", net.JoinHostPort(testbed.WebAddr, strconv.Itoa(refusedPort))); err == nil {
		_ = conn.Close()
		return fmt.Errorf("attempt %d was not refused", i)
	}
	return nil
}

// bypass asks a server that is not the resolver.
func (q *quiet) bypass(int) error {
	c := dns.Client{Timeout: time.Second}
	_, _, _ = c.Exchange(new(dns.Msg).SetQuestion(testbed.WebName, dns.TypeA), testbed.DNSAddr+":53")
	return nil
}
