package resilience_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// program builds the beat once.
var program = sync.OnceValues(func() (string, error) {
	if p := os.Getenv("QUBESBEAT_BIN"); p != "" {
		return p, nil
	}
	dir, err := os.MkdirTemp("", "qubesbeat-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "qubesbeat")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/qubesbeat")
	cmd.Dir = "../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// beat is a resolver on loopback, with a home that outlives it.
type beat struct {
	home, addr, section string
	output              string
	cmd                 *exec.Cmd
	stderr              bytes.Buffer
}

func newBeat(t *testing.T, section string) *beat {
	t.Helper()
	home, err := os.MkdirTemp("", "qb-") // short: the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	return &beat{home: home, addr: freePort(t), section: section, output: "output.file: {path: " + home + "/out, filename: events}"}
}

// freePort finds a port that is free for UDP and TCP.
func freePort(t *testing.T) string {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		_ = l.Close()
		if err == nil {
			_ = pc.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// start starts the program and returns how long it took until it answered.
func (b *beat) start(t *testing.T) time.Duration {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(b.home, "beat.yml")
	text := fmt.Sprintf("qubesbeat:\n  flows.enabled: false\n  resolver:\n    listen: [%q]\n    socket: %s/s\n%s\n%s\n", b.addr, b.home, b.section, b.output)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.cmd = exec.Command(path, "-e", "-c", conf, "--path.home", b.home, "--strict.perms=false")
	b.cmd.Stderr = &b.stderr
	begin := time.Now()
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd := b.cmd
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for time.Since(begin) < 20*time.Second {
		if m, err := b.ask("localhost.", 200*time.Millisecond); err == nil && m.Rcode == 0 {
			return time.Since(begin)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the beat does not answer\n%s", b.stderr.String())
	return 0
}

// kill ends the program without a shutdown.
func (b *beat) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
}

func (b *beat) ask(name string, timeout time.Duration) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	m.SetEdns0(1232, false)
	c := dns.Client{Timeout: timeout}
	a, _, err := c.Exchange(m, b.addr)
	return a, err
}

// text returns the first address of an answer and its extended error.
func text(m *dns.Msg) (addr string, ede int) {
	ede = -1
	if o := m.IsEdns0(); o != nil {
		for _, opt := range o.Option {
			if e, ok := opt.(*dns.EDNS0_EDE); ok {
				ede = int(e.InfoCode)
			}
		}
	}
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			return a.A.String(), ede
		}
	}
	return "", ede
}

// upstream answers every name with an address and a TTL of a second, until it is
// made silent or closed.
type upstream struct {
	addr string
	srv  *dns.Server
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{addr: pc.LocalAddr().String()}
	up := make(chan struct{})
	u.srv = &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(93, 184, 216, 34)}}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = u.srv.ActivateAndServe() }()
	<-up
	t.Cleanup(u.close)
	return u
}

func (u *upstream) close() { _ = u.srv.Shutdown() }
