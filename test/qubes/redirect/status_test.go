//go:build linux

package redirect_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// statement is what `qubes status` says of the clients' DNS.
type statement string

const (
	reaches statement = "reaches"
	fails   statement = "fails"
	unsure  statement = "unsure"
)

// others are rules of other programs. Each is in a table of its own, or in a chain of Qubes that
// is for the user; undo removes it.
var others = []struct {
	name, rules, undo string
	says              statement // if the model cannot know; else it must say what happens
}{
	{"none", "", "", ""},
	{"case 18: a chain of Qubes' kind before ours", `table ip qubes { chain custom-dnat-dnscrypt { type nat hook prerouting priority dstnat - 10; policy accept;
		iifname "vif*" udp dport 53 dnat to 10.64.0.1
		iifname "vif*" tcp dport 53 dnat to 10.64.0.1
	} }`, "delete chain ip qubes custom-dnat-dnscrypt", ""},
	{"a redirection elsewhere", `table inet other { chain p { type nat hook prerouting priority -150; iifname "vif*" meta l4proto { tcp, udp } th dport 53 redirect to :5300; } }`, "", ""},
	{"a redirection to us", `table inet other { chain p { type nat hook prerouting priority -150; iifgroup 2 meta l4proto { tcp, udp } th dport 53 redirect to :5353; } }`, "", ""},
	{"a chain that translates nothing", `table inet other { chain p { type nat hook prerouting priority -150; iifname "vif*" accept; } }`, "", ""},
	{"TCP only", `table inet other { chain p { type nat hook prerouting priority -150; iifname "vif*" tcp dport 53 dnat ip to 10.64.0.1; } }`, "", ""},
	{"dropped before raw", `table inet other { chain p { type filter hook prerouting priority -350; iifname "vif*" udp dport 53 drop; } }`, "", ""},
	{"dropped in mangle, by a set of ports", `table inet other { chain p { type filter hook prerouting priority mangle; udp dport { 53, 853, 5353 } drop; } }`, "", ""},
	{"dropped by a range", `table inet other { chain p { type filter hook prerouting priority mangle; meta l4proto { tcp, udp } th dport 50-60 drop; } }`, "", ""},
	{"dropped by a verdict map", `table inet other { chain p { type filter hook prerouting priority mangle; udp dport vmap { 53 : drop, 80 : accept }; } }`, "", ""},
	{"dropped in another chain", `table inet other { chain d { udp dport 53 drop; }
		chain p { type filter hook prerouting priority mangle; iifgroup 2 jump d; } }`, "", ""},
	{"returned before the drop", `table inet other { chain d { iifname "vif*" return; drop; }
		chain p { type filter hook prerouting priority mangle; iifname "vif*" udp dport 53 jump d; } }`, "", ""},
	{"accepted before the drop", `table inet other { chain p { type filter hook prerouting priority mangle; ip saddr 10.137.0.0/16 accept; iifname "vif*" drop; } }`, "", ""},
	{"another interface", `table inet other { chain p { type filter hook prerouting priority mangle; iifname "eth0" udp dport 53 drop; } }`, "", ""},
	{"another client", `table inet other { chain p { type filter hook prerouting priority mangle; ip saddr 10.137.0.99 drop; } }`, "", ""},
	{"IPv6 only", `table inet other { chain p { type filter hook prerouting priority mangle; ip6 nexthdr udp drop; } }`, "", ""},
	{"the policy of prerouting", `table ip other { chain p { type filter hook prerouting priority mangle; policy drop; tcp dport 53 accept; } }`, "", ""},
	{"queued without a reader", `table inet other { chain p { type filter hook prerouting priority mangle; udp dport 53 queue num 77; } }`, "", ""},
	{"case 20: mDNS dropped before our jump", `insert rule ip qubes custom-input iifname "vif*" udp dport 5353 drop`, "flush chain ip qubes custom-input", ""},
	{"mDNS dropped behind our jump", `add rule ip qubes custom-input iifname "vif*" udp dport 5353 drop`, "flush chain ip qubes custom-input", ""},
	{"mDNS dropped in a table of the user", `table inet other { chain i { type filter hook input priority -10; udp dport 5353 drop; } }`, "", ""},
	{"mDNS dropped late", `table inet other { chain i { type filter hook input priority 200; udp dport mdns drop; } }`, "", ""},
	{"a policy of the user", `table inet other { chain i { type filter hook input priority 10; policy drop; iif lo accept; tcp dport 5353 accept; } }`, "", ""},
	{"new connections rejected", `table inet other { chain i { type filter hook input priority 10; ct state new iifname "vif*" udp dport 5353 reject; } }`, "", ""},
	{"established connections dropped", `table inet other { chain i { type filter hook input priority 10; ct state established,related drop; } }`, "", ""},
	{"dropped by a mark", `table inet other { chain p { type filter hook prerouting priority mangle; iifname "vif*" meta mark set 0x7; }
		chain i { type filter hook input priority 10; meta mark 0x7 udp dport 5353 drop; } }`, "", ""},
	{"another mark", `table inet other { chain p { type filter hook prerouting priority mangle; iifname "vif*" meta mark set 0x7; }
		chain i { type filter hook input priority 10; meta mark 0x8 udp dport 5353 drop; } }`, "", ""},
	{"at the device", `table netdev other { chain g { type filter hook ingress device "vif4.0" priority 0; udp dport 53 drop; } }`, "delete table netdev other", ""},
	{"a named set", `table inet other { set blocked { type ipv4_addr; elements = { 10.137.0.6 }; }
		chain p { type filter hook prerouting priority mangle; ip saddr @blocked drop; } }`, "", unsure},
	{"over a rate", `table inet other { chain i { type filter hook input priority 10; udp dport 5353 limit rate over 1000/second drop; } }`, "", unsure},
	{"by the length", `table inet other { chain i { type filter hook input priority 10; udp dport 5353 udp length > 4000 drop; } }`, "", unsure},
}

// breakLines puts the ends of chains and tables on lines of their own, as nft wants it.
var breakLines = strings.NewReplacer("; } }", ";\n}\n}", "; }", ";\n}", "} }", "}\n}")

// TestCase18_status_follows_packets compares what `qubes status` says with what happens to
// a query, for the rules of others around ours.
func TestCase18_status_follows_packets(t *testing.T) {
	h := newHome(t)
	home := beat.NewHome(t)
	h.WriteInventory(filepath.Join(home, "inventory"))
	conf := beat.Write(t, home, "qubesbeat.yml", "qubesbeat:\n"+fmt.Sprintf(section, h.db.Path, t.TempDir())+"\noutput.file: {path: HOME/out}\n")
	qubes := func(what string) string {
		out, _, _ := h.Log.Run(t.Context(), beat.Program(t), beat.Flags(home, conf, "qubes", what)...) // status exits with 1 at a finding
		return out
	}
	server := h.listen(t)
	for _, tt := range others {
		t.Run(tt.name, func(t *testing.T) {
			qubes("apply")
			if err := h.Log.Nft(breakLines.Replace(tt.rules)); err != nil && tt.rules != "" {
				t.Skipf("the kernel does not take the rules: %v", err)
			}
			defer func() {
				undo := tt.undo
				if undo == "" && tt.rules != "" {
					undo = strings.Join(strings.Fields(tt.rules)[:3], " ")
					undo = "delete " + undo
				}
				if err := h.Log.Nft(undo); err != nil && undo != "" {
					t.Errorf("removing the rules: %v", err)
				}
			}()
			want := fails
			if server.gets(t, h.work) {
				want = reaches
			}
			text := qubes("status")
			if got := said(text); got != want && (tt.says == "" || got != tt.says) {
				t.Errorf("status says that a query %s; it %s\n%s", got, want, text)
			}
		})
	}
	t.Run("case 20: apply moves the jump", func(t *testing.T) {
		if err := h.Log.Nft(`insert rule ip qubes custom-input iifname "vif*" udp dport 5353 drop`); err != nil {
			t.Fatal(err)
		}
		qubes("apply")
		if text := qubes("status"); said(text) != reaches || !server.gets(t, h.work) {
			t.Errorf("after apply a query does not arrive:\n%s", text)
		}
	})
}

// said returns what a status says about the clients' DNS.
func said(status string) statement {
	says := fails
	for line := range strings.Lines(status) {
		switch {
		case strings.Contains(line, "!!") && strings.Contains(line, "the clients' DNS"):
			return fails
		case strings.Contains(line, "??"):
			says = unsure
		case strings.Contains(line, "followed, not sent"):
			says = reaches
		}
	}
	return says
}

// server takes what arrives at the resolver's port.
type server struct{ got chan string }

// listen opens the resolver's port in sys-log, in the beat's place.
func (h *home) listen(t *testing.T) *server {
	t.Helper()
	s := &server{got: make(chan string, 100)}
	err := h.Log.Do(func() error {
		udp, err := net.ListenPacket("udp4", "0.0.0.0:5353")
		if err != nil {
			return err
		}
		tcp, err := net.Listen("tcp4", "0.0.0.0:5353")
		if err != nil {
			return errors.Join(err, udp.Close())
		}
		t.Cleanup(func() { _, _ = udp.Close(), tcp.Close() })
		go func() {
			buf := make([]byte, 512)
			for {
				n, _, err := udp.ReadFrom(buf)
				if err != nil {
					return
				}
				s.got <- string(buf[:n])
			}
		}()
		go func() {
			for {
				c, err := tcp.Accept()
				if err != nil {
					return
				}
				_ = c.Close()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// gets reports whether a query of a client arrives, over UDP and over TCP.
func (s *server) gets(t *testing.T, q *testbed.Qube) bool {
	t.Helper()
	const timeout = 400 * time.Millisecond
	text := fmt.Sprint(time.Now().UnixNano())
	overTCP := false
	err := q.Do(func() error {
		c, err := net.Dial("udp4", testbed.MagicDNS+":53")
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write([]byte(text)); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		var d net.Dialer
		if c, err := d.DialContext(ctx, "tcp4", testbed.MagicDNS+":53"); err == nil {
			overTCP = c.Close() == nil
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(timeout); ; {
		select {
		case got := <-s.got:
			if got == text {
				return overTCP
			}
		case <-deadline:
			return false
		}
	}
}
