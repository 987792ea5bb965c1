package verify_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// transaction is that of the questions in STUN.
const transaction = "abcdefghijkl"

// bind returns a question in STUN.
func bind() []byte { return []byte("\x00\x01\x00\x00\x21\x12\xa4\x42" + transaction) }

// mapped returns the answer that an address was seen.
func mapped(id, addr string) []byte {
	a := netip.MustParseAddr(addr)
	msg := []byte("\x01\x01\x00\x00\x21\x12\xa4\x42" + id)
	raw, family := a.AsSlice(), byte(1)
	if a.Is6() {
		family = 2
	}
	for i := range raw {
		raw[i] ^= msg[4+i]
	}
	msg = append(msg, 0, 0x20, 0, byte(4+len(raw)), 0, family, 0x33, 0x22)
	msg = append(msg, raw...)
	msg[3] = byte(len(msg) - 20)
	return msg
}

// reply returns the answer to query(name) with one record of a type.
func reply(name string, kind uint16, data string) []byte {
	msg := query(name)
	msg[2], msg[3], msg[7] = 0x81, 0x80, 1
	msg = append(msg, 0xc0, 12)
	msg = binary.BigEndian.AppendUint16(msg, kind)
	msg = append(msg, 0, 1, 0, 0, 0, 60)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(data)))
	return append(msg, data...)
}

// exchange has work ask a server, and the server answer.
func (l *lab) exchange(server string, question, answer []byte) {
	l.udp(ofWork, "10.137.0.6:5000", server, question)
	l.answer(server, "10.137.0.6:5000", answer)
}

func (l *lab) answer(server, to string, answer []byte) {
	l.send(frame{iface: ofWork, out: true, proto: packet.ProtoUDP, src: server, dst: to, payload: answer})
}

// externals returns the addresses that the verifier knows.
func (l *lab) externals() (list []string) {
	for _, e := range l.v.View().External {
		text := fmt.Sprint(e.Qube, " ", e.Address, " ", e.Method)
		if e.Split {
			text += " split"
		}
		list = append(list, text)
	}
	return list
}

const (
	stunServer = "198.51.100.9:3478"
	openDNS    = "208.67.222.222:53"
	myip       = "myip.opendns.com"
)

// TestVerifier_asked takes the address that a server tells, if the qube has asked it.
func TestVerifier_asked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"STUN":         {func(l *lab) { l.exchange(stunServer, bind(), mapped(transaction, "9.8.7.6")) }, "work 9.8.7.6 stun"},
		"STUN in IPv6": {func(l *lab) { l.exchange(stunServer, bind(), mapped(transaction, "2a01::6")) }, "work 2a01::6 stun"},
		"STUN while all packets are settled": {func(l *lab) {
			for range 10 {
				l.exchange(stunServer, bind(), mapped(transaction, "9.8.7.5"))
				l.exchange("198.51.100.9:9", []byte("x"), []byte("y"))
			}
			l.exchange(stunServer, bind(), mapped(transaction, "9.8.7.6"))
		}, "work 9.8.7.6 stun"},
		"DNS": {func(l *lab) { l.exchange(openDNS, query(myip), reply(myip, 1, "\x09\x08\x07\x06")) }, "work 9.8.7.6 dns"},
		"DNS in capitals": {func(l *lab) {
			l.exchange(openDNS, query("MYIP.opendns.com"), reply("MYIP.opendns.com", 1, "\x09\x08\x07\x06"))
		}, "work 9.8.7.6 dns"},
		"a resolver": {func(l *lab) { l.exchange(resolver, query(myip), reply(myip, 1, "\x09\x08\x07\x06")) }, "work 9.8.7.6 resolver"},
		"TXT": {func(l *lab) {
			l.exchange("216.239.32.10:53", query("o-o.myaddr.l.google.com"), reply("o-o.myaddr.l.google.com", 16, "\x079.8.7.6"))
		}, "work 9.8.7.6 dns"},
		"a client subnet": {func(l *lab) {
			l.exchange(resolver, query("o-o.myaddr.l.google.com"), reply("o-o.myaddr.l.google.com", 16, "\x09edns0-cli"))
		}, ""},
		"Akamai": {func(l *lab) {
			l.exchange(resolver, query("whoami.akamai.net"), reply("whoami.akamai.net", 1, "\x09\x08\x07\x06"))
		}, "work 9.8.7.6 resolver"},
		"two exits": {func(l *lab) {
			l.exchange(stunServer, bind(), mapped(transaction, "9.8.7.6"))
			l.exchange(openDNS, query(myip), reply(myip, 1, "\x09\x08\x07\x05"))
			l.exchange(resolver, query(myip), reply(myip, 1, "\x09\x08\x07\x04"))
		}, "work 9.8.7.4 resolver; work 9.8.7.5 dns split; work 9.8.7.6 stun split"},
		"two exits, of two times": {func(l *lab) {
			l.exchange(stunServer, bind(), mapped(transaction, "9.8.7.6"))
			l.wait(time.Hour)
			l.exchange(openDNS, query(myip), reply(myip, 1, "\x09\x08\x07\x05"))
		}, "work 9.8.7.5 dns; work 9.8.7.6 stun"},

		"no question":         {func(l *lab) { l.exchange(stunServer, []byte("x"), mapped(transaction, "9.8.7.6")) }, ""},
		"another transaction": {func(l *lab) { l.exchange(stunServer, bind(), mapped("ABCDEFGHIJKL", "9.8.7.6")) }, ""},
		"another server": {func(l *lab) {
			l.udp(ofWork, "10.137.0.6:5000", stunServer, bind())
			l.answer("198.51.100.8:3478", "10.137.0.6:5000", mapped(transaction, "9.8.7.6"))
		}, ""},
		"another port or host": {func(l *lab) {
			l.udp(ofWork, "10.137.0.6:5000", stunServer, bind())
			l.answer("198.51.100.9:3479", "10.137.0.6:5000", mapped(transaction, "9.8.7.6"))
			l.answer(stunServer, "10.137.0.6:5001", mapped(transaction, "9.8.7.6"))
			l.answer(stunServer, "10.137.0.7:5000", mapped(transaction, "9.8.7.6"))
		}, ""},
		"another qube": {func(l *lab) {
			l.udp(ofWork, "10.137.0.6:5000", stunServer, bind())
			l.send(frame{iface: ofUntrusted, out: true, proto: packet.ProtoUDP, src: stunServer, dst: "10.137.0.6:5000", payload: mapped(transaction, "9.8.7.6")})
		}, ""},
		"the qube itself": {func(l *lab) {
			l.udp(ofWork, "10.137.0.6:5000", stunServer, bind())
			l.udp(ofWork, stunServer, "10.137.0.6:5000", mapped(transaction, "9.8.7.6"))
		}, ""},
		"another source": {func(l *lab) {
			l.udp(ofWork, "10.137.0.9:5000", stunServer, bind())
			l.answer(stunServer, "10.137.0.9:5000", mapped(transaction, "9.8.7.6"))
		}, ""},
		"too late": {func(l *lab) {
			l.udp(ofWork, "10.137.0.6:5000", stunServer, bind())
			l.wait(7 * time.Second)
			l.answer(stunServer, "10.137.0.6:5000", mapped(transaction, "9.8.7.6"))
		}, ""},
		"a private address": {func(l *lab) { l.exchange(stunServer, bind(), mapped(transaction, "10.8.7.6")) }, ""},
		"another id": {func(l *lab) {
			l.exchange(openDNS, query(myip), slices.Concat([]byte{9}, reply(myip, 1, "\x09\x08\x07\x06")[1:]))
		}, ""},
		"another name": {func(l *lab) { l.exchange(openDNS, query(myip), reply("ns1.opendns.com", 1, "\x09\x08\x07\x06")) }, ""},
		"a server in the LAN": {func(l *lab) {
			l.exchange("192.168.1.9:3478", bind(), mapped(transaction, "9.8.7.6"))
		}, ""},
		"beside a tunnel": {func(l *lab) {
			l.expect("work", verify.ProtocolWireGuard, endpoint+"/udp")
			l.exchange(stunServer, bind(), mapped(transaction, "9.8.7.6"))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			tt.play(l)
			if got := strings.Join(l.externals(), "; "); got != tt.want {
				t.Errorf("external = %q; want %q", got, tt.want)
			}
			for _, check := range []string{"EGR-1", "EGR-3"} {
				if got := l.got("this machine", check); got != "not_tested(needs-probe)" {
					t.Errorf("%s is %s by what a server says", check, got)
				}
			}
		})
	}
}

// TestVerifier_asked_bounds keeps a bounded number of questions, and the last of them.
func TestVerifier_asked_bounds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for i := range 100 {
		l.udp(ofWork, "10.137.0.6:5000", fmt.Sprintf("198.51.100.%d:3478", 100+i), bind())
	}
	l.answer("198.51.100.100:3478", "10.137.0.6:5000", mapped(transaction, "9.8.7.1"))
	if got := l.externals(); got != nil {
		t.Errorf("external = %q by the answer to a question that was forgotten", got)
	}
	l.answer("198.51.100.199:3478", "10.137.0.6:5000", mapped(transaction, "9.8.7.6"))
	if diff := cmp.Diff([]string{"work 9.8.7.6 stun"}, l.externals()); diff != "" {
		t.Errorf("external mismatch (-want +got):\n%s", diff)
	}
}
