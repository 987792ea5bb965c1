package tunnelmark_test

import (
	"bytes"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/tunnelmark"
)

// bytesOf returns n bytes that begin with head and go on with ones.
func bytesOf(n int, head ...byte) []byte {
	return append(head, bytes.Repeat([]byte{1}, max(n-len(head), 0))...)[:n]
}

// TestReadWireGuard knows the four messages by their type and length.
func TestReadWireGuard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		payload []byte
		length  int
		want    tunnelmark.WireGuard
	}{
		{"initiation", bytesOf(148, 1, 0, 0, 0), 148, tunnelmark.WGInitiation},
		{"response", bytesOf(92, 2, 0, 0, 0), 92, tunnelmark.WGResponse},
		{"cookie", bytesOf(64, 3, 0, 0, 0), 64, tunnelmark.WGCookie},
		{"keepalive", bytesOf(32, 4, 0, 0, 0), 32, tunnelmark.WGData},
		{"data, cut", bytesOf(16, 4, 0, 0, 0), 1456, tunnelmark.WGData},
		{"data of no multiple", bytesOf(100, 4, 0, 0, 0), 100, tunnelmark.WGNone},
		{"data of an MTU of 1420", bytesOf(16, 4, 0, 0, 0), 1452, tunnelmark.WGData},
		{"data of an MTU of 1380", bytesOf(16, 4, 0, 0, 0), 1412, tunnelmark.WGData},
		{"data of the least MTU", bytesOf(16, 4, 0, 0, 0), 584, tunnelmark.WGData},
		{"data of a lesser one", bytesOf(16, 4, 0, 0, 0), 583, tunnelmark.WGNone},
		{"initiation of 147 bytes", bytesOf(147, 1, 0, 0, 0), 147, tunnelmark.WGNone},
		{"reserved bytes in use", bytesOf(148, 1, 0, 1, 0), 148, tunnelmark.WGNone},
		{"short", []byte{4, 0, 0}, 3, tunnelmark.WGNone},
		{"empty", nil, 0, tunnelmark.WGNone},
	} {
		if got := tunnelmark.ReadWireGuard(tt.payload, tt.length); got != tt.want {
			t.Errorf("%s: %v; want %v", tt.name, got, tt.want)
		}
	}
}

// TestWGLength has the sizes that were measured with wireguard-go.
func TestWGLength(t *testing.T) {
	t.Parallel()
	for inner, want := range map[int]int{411: 448, 523: 560, 677: 720, 811: 848, 953: 992, 0: 32, 16: 48} {
		if got := tunnelmark.WGLength(inner); got != want {
			t.Errorf("WGLength(%d) = %d; want %d", inner, got, want)
		}
	}
}

// TestReadOpenVPN knows the packets by their opcode.
func TestReadOpenVPN(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		payload []byte
		want    tunnelmark.OpenVPN
	}{
		{"client reset", bytesOf(14, 0x38), tunnelmark.OVReset},
		{"client reset with tls-auth", bytesOf(42, 0x38), tunnelmark.OVReset},
		{"client reset with tls-crypt-v2", bytesOf(353, 0x50), tunnelmark.OVReset},
		{"server reset", bytesOf(26, 0x40), tunnelmark.OVAnswer},
		{"control", bytesOf(300, 0x20), tunnelmark.OVControl},
		{"acknowledgement", bytesOf(22, 0x28), tunnelmark.OVControl},
		{"data", bytesOf(100, 0x48), tunnelmark.OVData},
		{"ping", bytesOf(40, 0x48), tunnelmark.OVData},
		{"short data", bytesOf(4, 0x48), tunnelmark.OVNone},
		{"client reset of a later key", bytesOf(14, 0x39), tunnelmark.OVNone},
		{"without a session", append([]byte{0x38}, make([]byte, 13)...), tunnelmark.OVNone},
		{"DNS", bytesOf(30, 0x12, 0x34, 1, 0, 0, 1), tunnelmark.OVNone},
		{"empty", nil, tunnelmark.OVNone},
	} {
		if got := tunnelmark.ReadOpenVPN(tt.payload, len(tt.payload)); got != tt.want {
			t.Errorf("%s: %v; want %v", tt.name, got, tt.want)
		}
		framed := append([]byte{byte(len(tt.payload) >> 8), byte(len(tt.payload))}, tt.payload...)
		if got := tunnelmark.ReadOpenVPNTCP(framed, len(framed)); got != tt.want {
			t.Errorf("%s over TCP: %v; want %v", tt.name, got, tt.want)
		}
	}
	if got := tunnelmark.ReadOpenVPNTCP(bytesOf(20, 0, 0, 0x38), 20); got != tunnelmark.OVNone {
		t.Errorf("a packet of length 0: %v", got)
	}
}

// TestReadIPsec knows IKE by its header, and ESP behind NAT.
func TestReadIPsec(t *testing.T) {
	t.Parallel()
	ike := append(append(bytesOf(16, 7), 33, 0x20, 34, 8), 0, 0, 0, 0, 0, 0, 0, 28)
	for _, tt := range []struct {
		name    string
		port    uint16
		payload []byte
		want    tunnelmark.IPsec
	}{
		{"IKE", 500, ike, tunnelmark.IPsecIKE},
		{"IKE behind NAT", 4500, append(make([]byte, 4), ike...), tunnelmark.IPsecIKE},
		{"IKE with another length", 500, append(ike, 0), tunnelmark.IPsecNone},
		{"ESP behind NAT", 4500, bytesOf(60, 1, 2, 3, 4), tunnelmark.IPsecESP},
		{"reserved SPI", 4500, bytesOf(60, 0, 0, 0, 9), tunnelmark.IPsecNone},
		{"keepalive", 4500, []byte{0xff}, tunnelmark.IPsecKeepalive},
		{"another port", 53, ike, tunnelmark.IPsecNone},
		{"empty", 4500, nil, tunnelmark.IPsecNone},
	} {
		if got := tunnelmark.ReadIPsec(tt.port, tt.payload, len(tt.payload)); got != tt.want {
			t.Errorf("%s: %v; want %v", tt.name, got, tt.want)
		}
	}
}

// TestTorName knows the names that Tor makes up.
func TestTorName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"www.5k7qa2pm3x.com": true, "www.abcdefgh.com": true, "www.abcdefg.com": false,
		"www.abcdefghijklmnopqrstu.com": false, "www.5k7qa2pm1x.com": false, "www.example.net": false, "5k7qa2pm3x.com": false, "": false, "www..com": false} {
		if got := tunnelmark.TorName(name); got != want {
			t.Errorf("TorName(%q) = %v; want %v", name, got, want)
		}
	}
}

// TestTorCells knows the sizes that were measured.
func TestTorCells(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]bool{536: true, 1050: true, 1564: true, 0: false, 22: false, 535: false, 1448: false} {
		if got := tunnelmark.TorCells(length); got != want {
			t.Errorf("TorCells(%d) = %v; want %v", length, got, want)
		}
	}
}

// FuzzReadWireGuard never takes a message that is shorter than its type needs.
func FuzzReadWireGuard(f *testing.F) {
	f.Add(bytesOf(148, 1, 0, 0, 0), 148)
	f.Add([]byte{4}, -1)
	f.Fuzz(func(t *testing.T, payload []byte, length int) {
		if got := tunnelmark.ReadWireGuard(payload, length); got != tunnelmark.WGNone && length < tunnelmark.WGKeepalive {
			t.Errorf("ReadWireGuard(%x, %d) = %v", payload, length, got)
		}
	})
}

// FuzzReadOpenVPN never takes a control packet without a session, over UDP or TCP.
func FuzzReadOpenVPN(f *testing.F) {
	f.Add(bytesOf(14, 0x38), 14)
	f.Add(bytesOf(16, 0, 14, 0x38), 16)
	f.Fuzz(func(t *testing.T, payload []byte, length int) {
		got := tunnelmark.ReadOpenVPN(payload, length)
		if got != tunnelmark.OVNone && got != tunnelmark.OVData && len(payload) < 9 {
			t.Errorf("ReadOpenVPN(%x, %d) = %v", payload, length, got)
		}
		if got := tunnelmark.ReadOpenVPNTCP(payload, length); got != tunnelmark.OVNone && length < 3 {
			t.Errorf("ReadOpenVPNTCP(%x, %d) = %v", payload, length, got)
		}
	})
}

// FuzzReadIPsec never takes a packet of another port.
func FuzzReadIPsec(f *testing.F) {
	f.Add(uint16(500), bytesOf(28, 7), 28)
	f.Add(uint16(4500), []byte{0xff}, 1)
	f.Fuzz(func(t *testing.T, port uint16, payload []byte, length int) {
		got := tunnelmark.ReadIPsec(port, payload, length)
		if got != tunnelmark.IPsecNone && port != tunnelmark.PortIKE && port != tunnelmark.PortNATT {
			t.Errorf("ReadIPsec(%d, %x, %d) = %v", port, payload, length, got)
		}
	})
}

// FuzzTorName takes no name that is not a host name, and no length below a cell.
func FuzzTorName(f *testing.F) {
	f.Add("www.5k7qa2pm3x.com", 536)
	f.Fuzz(func(t *testing.T, name string, length int) {
		if tunnelmark.TorName(name) && (len(name) < 16 || len(name) > 28) {
			t.Errorf("TorName(%q)", name)
		}
		if tunnelmark.TorCells(length) && length < 536 {
			t.Errorf("TorCells(%d)", length)
		}
	})
}
