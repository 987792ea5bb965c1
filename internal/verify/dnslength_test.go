package verify_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// stream shows segments of a connection of sys-vpn to the resolver, each at its place.
func (l *lab) stream(port int, list ...segment) {
	for _, one := range list {
		b := frame{iface: ofVPN, proto: packet.ProtoTCP, src: fmt.Sprintf("%s:%d", srcVPN, port), dst: resolver, flags: data, payload: one.payload}.bytes()
		binary.BigEndian.PutUint32(b[38:], 1000+one.at)
		l.raw(ofVPN, false, b)
	}
}

// segment is a payload at a place of a stream.
type segment struct {
	at      uint32
	payload []byte
}

// pairs returns a stream in segments of two bytes.
func pairs(stream []byte, at uint32) (list []segment) {
	for two := range slices.Chunk(stream, 2) {
		list = append(list, segment{at, two})
		at += 2
	}
	return list
}

// TestVerifier_DNS_over_TCP knows a query by its length, which is true, and hides none in short segments.
func TestVerifier_DNS_over_TCP(t *testing.T) {
	t.Parallel()
	allowed, secret := framed(query("se1.relays.example")), pairs(framed(query("secret.example.net")), 0)
	reversed := slices.Clone(secret)
	slices.Reverse(reversed)
	var between []segment
	for _, one := range pairs(framed(query("secret.example.net")), uint32(len(allowed))) { //nolint:gosec // short
		between = append(between, one, segment{0, allowed})
	}
	hidden := framed(query("secret.example.net"))
	lie := slices.Clone(query("se1.relays.example"))
	lie[11] = 1
	lie = append(lie, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, byte(len(hidden)+4), 0xfd, 0xe9, 0, byte(len(hidden)))
	length := binary.BigEndian.AppendUint16(nil, uint16(len(lie))) //nolint:gosec // short
	lie = append(lie, hidden...)
	for name, tt := range map[string]struct {
		list []segment
		want string
	}{
		"the query":                     {[]segment{{0, allowed}}, "pass"},
		"the length alone":              {[]segment{{0, allowed[:2]}, {2, allowed[2:]}}, "pass"},
		"the length in halves":          {[]segment{{0, allowed[:1]}, {1, allowed[1:2]}, {2, allowed[2:]}}, "pass"},
		"short segments":                {secret, "fail"},
		"short segments in reverse":     {reversed, "fail"},
		"an old query between":          {between, "fail"},
		"two queries under one":         {[]segment{{0, append(slices.Clone(length), lie...)}}, "fail"},
		"two, and the length alone":     {[]segment{{0, length}, {2, lie}}, "fail"},
		"two, and the length repeated":  {[]segment{{0, length}, {0, []byte{0, byte(len(lie))}}, {2, lie}}, "fail"},
		"a query without any length":    {[]segment{{0, allowed[2:]}}, "fail"},
		"a query and its length, again": {[]segment{{0, allowed[:2]}, {0, allowed}}, "pass"},
	} {
		l := newLab(t)
		tunnelUp(l)
		l.vpn().Names = []string{"se1.relays.example"}
		l.apply()
		l.stream(41000, tt.list...)
		l.wait(2 * time.Second)
		l.wg(4, 144, false)
		if _, ok := l.want("VPN-1 sys-vpn " + tt.want); !ok {
			t.Errorf("by %s", name)
		}
	}
}

// TestVerifier_lengths_left waits for no message for ever.
func TestVerifier_lengths_left(t *testing.T) {
	t.Parallel()
	allowed := framed(query("se1.relays.example"))
	for pause, want := range map[time.Duration]string{0: "fail", time.Minute: "pass"} {
		l := newLab(t)
		tunnelUp(l)
		l.vpn().Names = []string{"se1.relays.example"}
		l.apply()
		for i := range 12 {
			l.stream(42000+i, segment{0, allowed[:2]})
			l.wait(pause)
		}
		l.wg(4, 144, false)
		l.want("VPN-1 sys-vpn " + want)
	}
}
