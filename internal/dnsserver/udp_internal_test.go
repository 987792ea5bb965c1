package dnsserver

import (
	"net"
	"net/netip"
	"testing"
)

// mirror answers with the query.
type mirror struct{}

func (mirror) NewSession() Session { return mirror{} }

// Failed implements Session.
func (mirror) Failed(*Query) {}

func (mirror) Handle(q *Query, dst []byte) ([]byte, bool) { return append(dst, q.Msg...), true }

// TestUDPSocket_allocations holds that an answer costs no allocation from system
// call to system call, and that all queries that wait are read at once.
func TestUDPSocket_allocations(t *testing.T) {
	s := New(Config{Handler: mirror{}})
	u, err := s.newUDPSocket(t.Context(), netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer u.conn.Close()
	c, err := net.DialUDP("udp", nil, u.conn.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	msg, buf := []byte("a message of some length"), make([]byte, 512)
	const burst = 8
	n := testing.AllocsPerRun(50, func() {
		for range burst {
			_, _ = c.Write(msg)
		}
		u.reset()
		if err := u.raw.Read(u.receive); err != nil || u.done != burst {
			t.Fatalf("read %d messages, %v; want %d", u.done, err, burst)
		}
		u.serve(u.done)
		for range burst {
			if n, err := c.Read(buf); err != nil || string(buf[:n]) != string(msg) {
				t.Fatalf("the answer is %q, %v", buf[:n], err)
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for %d answers; want 0", n, burst)
	}
}
