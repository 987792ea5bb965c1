package pcapfilter_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket/pcapgo"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// perFile bounds the frames that one capture gives.
const perFile = 150

// frames returns, for each link type, the frames of the captures that the beats
// module and the demo hold, and the made ones.
func frames(tb testing.TB) map[packet.Link][][]byte {
	tb.Helper()
	res := map[packet.Link][][]byte{}
	for _, file := range captures(tb) {
		readCapture(tb, file, res)
	}
	res[packet.LinkEthernet] = append(made(), res[packet.LinkEthernet]...)
	for i, f := range res[packet.LinkEthernet] {
		convert(f, i, res)
	}
	return res
}

func captures(tb testing.TB) []string {
	tb.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	if err != nil {
		tb.Fatalf("finding the beats module: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	var res []string
	for _, glob := range []string{
		dir + "/packetbeat/tests/system/pcaps/*.pcap", dir + "/libbeat/common/flowhash/testdata/pcap/*.pcap", "../../demo/*.pcapng",
	} {
		m, err := filepath.Glob(glob)
		if err != nil {
			tb.Fatal(err)
		}
		res = append(res, m...)
	}
	return res
}

func readCapture(tb testing.TB, file string, res map[packet.Link][][]byte) {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var link uint16
	var read func() ([]byte, error)
	if r, err := pcapgo.NewReader(bytes.NewReader(b)); err == nil {
		link = uint16(binary.LittleEndian.Uint32(b[20:])) // gopacket keeps but 8 bits
		if b[0] == 0xa1 {
			link = uint16(binary.BigEndian.Uint32(b[20:]))
		}
		read = func() ([]byte, error) { d, _, err := r.ReadPacketData(); return d, err }
	} else if r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.DefaultNgReaderOptions); err == nil {
		link = uint16(r.LinkType())
		read = func() ([]byte, error) { d, _, err := r.ReadPacketData(); return d, err }
	} else {
		tb.Logf("%s is not read: %v", filepath.Base(file), err)
		return
	}
	for range perFile {
		d, err := read()
		if err != nil {
			if err != io.EOF {
				tb.Logf("%s ends with %v", filepath.Base(file), err)
			}
			return
		}
		res[packet.Link(link)] = append(res[packet.Link(link)], d)
	}
}

// convert adds the frame to the other link types.
func convert(f []byte, i int, res map[packet.Link][][]byte) {
	add := func(l packet.Link, parts ...[]byte) { res[l] = append(res[l], cat(parts...)) }
	if len(f) < 14 {
		return
	}
	typ, body := f[12:14], f[14:]
	if binary.BigEndian.Uint16(typ) <= 1500 {
		typ = []byte{0, 4}
	}
	// The packet type walks through PACKET_HOST to PACKET_OUTGOING.
	kind := byte(i % 5)
	add(packet.LinkSLL, []byte{0, kind, 0, 1, 0, 6}, f[6:12], []byte{0, 0}, typ, body)
	add(packet.LinkSLL2, typ, []byte{0, 0, 0, 0, 0, byte(i % 4), 0, 1, kind, 6}, f[6:12], []byte{0, 0}, body)
	family := byte(2)
	switch binary.BigEndian.Uint16(typ) {
	case 0x0800:
		add(packet.LinkIPv4, body)
	case 0x86dd:
		add(packet.LinkIPv6, body)
		family = []byte{24, 28, 30}[i%3]
	default:
		return
	}
	add(packet.LinkRaw, body)
	add(packet.LinkRaw12, body)
	add(packet.LinkNull, []byte{family, 0, 0, 0}, body)
	add(packet.LinkLoop, []byte{0, 0, 0, family}, body)
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func eth(typ int, parts ...[]byte) []byte {
	return cat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, be16(typ), cat(parts...))
}

// ip4 is an IPv4 packet from 10.0.0.1 to 10.0.0.2, or with the addresses of src
// and dst.
func ip4(proto byte, frag int, options int, dst [4]byte, payload ...[]byte) []byte {
	p := cat(payload...)
	h := cat([]byte{0x45 + byte(options), 0}, be16(20+4*options+len(p)), []byte{0, 1}, be16(frag), []byte{64, proto, 0, 0, 10, 0, 0, 1}, dst[:])
	return cat(h, bytes.Repeat([]byte{1}, 4*options), p)
}

// ip6 is an IPv6 packet from 2001:db8::1 to 2001:db8::2.
func ip6(next byte, payload ...[]byte) []byte {
	p := cat(payload...)
	h := cat([]byte{0x60, 0, 0, 0}, be16(len(p)), []byte{next, 64})
	for _, last := range []byte{1, 2} {
		h = append(h, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last)
	}
	return cat(h, p)
}

func tcp(src, dst int, flags byte, data string) []byte {
	return cat(be16(src), be16(dst), []byte{0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 1, 0, 0, 0, 0, 0}, []byte(data))
}

func udp(src, dst int, data string) []byte {
	return cat(be16(src), be16(dst), be16(8+len(data)), []byte{0, 0}, []byte(data))
}

func arp(op int) []byte {
	return cat([]byte{0, 1, 8, 0, 6, 4}, be16(op), []byte{2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2})
}

// made returns frames that the captures lack, each also cut short at every
// length, because a load beyond the end decides, too.
func made() [][]byte {
	to := [4]byte{10, 0, 0, 2}
	other := [4]byte{10, 1, 2, 3}
	web := ip4(6, 0, 0, to, tcp(40000, 80, 0x18, "GET / HTTP/1.1"))
	dns := ip4(17, 0, 0, to, udp(5353, 53, "\x80\x01abcdefgh"))
	web6 := ip6(6, tcp(40000, 443, 2, ""))
	tag := func(id int) []byte { return be16(id) }
	label := func(v uint32, bottom byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, v<<12|64)
		b[2] |= bottom
		return b
	}
	session := func(id, proto int, p []byte) []byte {
		return cat([]byte{0x11, 0}, be16(id), be16(len(p)+2), be16(proto), p)
	}
	osi := func(nlpid, pdu byte) []byte { return []byte{0xfe, 0xfe, 3, nlpid, 27, 1, 0, pdu, 1, 0, 0, 1, 2, 3} }
	bcast := cat(bytes.Repeat([]byte{255}, 6), []byte{2, 0, 0, 0, 0, 1})
	full := [][]byte{
		eth(0x0800, web), eth(0x0800, dns), eth(0x86dd, web6),
		eth(0x0800, ip4(6, 0, 3, to, tcp(80, 50000, 0x12, ""))),
		eth(0x0800, ip4(6, 0x2000, 0, other, tcp(443, 21, 1, "x"))), // first fragment
		eth(0x0800, ip4(6, 0x0010, 0, other, tcp(80, 80, 1, "x"))),  // later fragment
		eth(0x0800, ip4(6, 0x1000, 0, other, tcp(80, 80, 1, "x"))), eth(0x0800, ip4(17, 0x4000, 0, other, udp(53, 53, "x"))),
		eth(0x0800, ip4(17, 0x8001, 0, other, udp(53, 53, "x"))),
		eth(0x0800, ip4(132, 0, 0, to, cat(be16(5000), be16(5000), []byte{0, 0, 0, 1, 0, 0, 0, 0}))),
		eth(0x0800, ip4(1, 0, 0, to, []byte{8, 0, 0, 0, 0, 1, 0, 1, 'p', 'i', 'n', 'g'})),
		eth(0x0800, ip4(1, 0, 1, to, []byte{3, 3, 0, 0, 0, 0, 0, 0})),
		eth(0x0800, ip4(2, 0, 1, [4]byte{224, 0, 0, 22}, []byte{0x16, 0, 0, 0, 224, 0, 0, 5})),
		eth(0x0800, ip4(9, 0, 0, to)), eth(0x0800, ip4(103, 0, 0, to, []byte{0x20, 0, 0, 0})),
		eth(0x0800, ip4(112, 0, 0, [4]byte{224, 0, 0, 18}, []byte{0x21, 1, 100, 1})),
		eth(0x0800, ip4(50, 0, 0, to, make([]byte, 16))), eth(0x0800, ip4(51, 0, 0, to, make([]byte, 16))),
		eth(0x0800, ip4(47, 0, 0, to, make([]byte, 8))), eth(0x0800, ip4(89, 0, 0, [4]byte{224, 0, 0, 5}, make([]byte, 8))),
		eth(0x86dd, ip6(17, udp(5353, 53, "q"))), eth(0x86dd, ip6(132, cat(be16(5000), be16(1), make([]byte, 8)))),
		eth(0x86dd, ip6(44, []byte{6, 0, 0, 0, 0, 0, 0, 1}, tcp(80, 80, 2, ""))), // fragment header
		eth(0x86dd, ip6(44, []byte{58, 0, 0, 0, 0, 0, 0, 1}, []byte{128, 0, 0, 0, 0, 1, 0, 1})),
		eth(0x86dd, ip6(0, []byte{58, 0, 5, 2, 0, 0, 1, 0}, []byte{143, 0, 0, 0})),
		eth(0x86dd, ip6(58, []byte{135, 0, 0, 0, 0, 0, 0, 0})), eth(0x86dd, ip6(58, []byte{128, 0, 0, 0})),
		eth(0x0806, arp(1)), eth(0x0806, arp(2)), eth(0x8035, arp(3)), cat(bcast, be16(0x0806), arp(1)),
		cat(bcast, be16(0x0800), dns), cat([]byte{1, 0, 0x5e, 0, 0, 22, 2, 0, 0, 0, 0, 2}, be16(0x0800), dns),
		eth(0x8100, tag(100), be16(0x0800), web), eth(0x8100, tag(0x6064), be16(0x86dd), web6),
		eth(0x8100, tag(100), be16(0x8100), tag(200), be16(0x0800), dns),
		eth(0x88a8, tag(7), be16(0x8100), tag(300), be16(0x0800), web),
		eth(0x9100, tag(7), be16(0x0806), arp(1)), eth(0x8100, tag(5), be16(38), []byte{0x42, 0x42, 3, 0, 0}),
		eth(0x8100, tag(5), be16(0x8864), session(0x27, 0x21, web)),
		eth(0x8100, tag(5), be16(0x8847), label(5, 1), web),
		eth(0x8847, label(5, 1), web), eth(0x8847, label(100000, 0), label(1024, 1), dns),
		eth(0x8847, label(1, 0), label(1024, 1), ip4(17, 0, 0, [4]byte{192, 9, 200, 1}, udp(1, 2, ""))),
		eth(0x8847, label(1, 0), label(2, 0), label(3, 1), web6),
		eth(0x8863, []byte{0x11, 9, 0, 0, 0, 0}), eth(0x8864, session(0x27, 0x21, web)), eth(0x8864, session(1, 0x57, web6)),
		eth(0x8864, session(1, 0x281, cat(label(5, 1), web))), eth(0x8864, session(1, 0x23, make([]byte, 4))),
		eth(0x8864, session(1, 0x31, make([]byte, 4))),
		eth(38, []byte{0x42, 0x42, 3, 0, 0, 0, 0}), eth(20, []byte{0xf0, 0xf0, 3, 0}), eth(20, []byte{6, 6, 3, 0}),
		eth(20, []byte{0xe0, 0xe0, 3, 0xff, 0xff, 0, 0, 0}), eth(20, []byte{0xff, 0xff, 0, 20, 0, 0, 0, 0}), eth(0x8137, make([]byte, 20)),
		eth(30, []byte{0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0x37, 0, 0}), eth(30, []byte{0xaa, 0xaa, 3, 8, 0, 7, 0x80, 0x9b, 0, 0}),
		eth(30, []byte{0xaa, 0xaa, 3, 0, 0, 0, 0x80, 0xf3, 0, 0}), eth(0x809b, make([]byte, 8)), eth(0x80f3, make([]byte, 8)),
		eth(0x6001, make([]byte, 8)), eth(0x6002, make([]byte, 8)), eth(0x6003, make([]byte, 8)), eth(0x6004, make([]byte, 8)),
		eth(0x6007, make([]byte, 8)), eth(0x9000, make([]byte, 8)), eth(0x88cc, make([]byte, 8)),
		eth(17, osi(0x81, 1)), eth(17, osi(0x82, 2)),
	}
	for _, pdu := range []byte{15, 16, 17, 18, 20, 24, 25, 26, 27} {
		full = append(full, eth(17, osi(0x83, pdu)))
	}
	var res [][]byte
	for _, f := range full {
		res = append(res, f)
		for n := 1; n < len(f); n++ {
			res = append(res, f[:n])
		}
	}
	return append(res, make([]byte, 60), bytes.Repeat([]byte{0xff}, 200))
}
