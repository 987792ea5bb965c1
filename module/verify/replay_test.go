package verify_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapng"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	"github.com/qubesbeat/qubesbeat/module/verify"
)

const started = int64(1_700_000_000e9)

// tunnelled is a packet of WireGuard from sys-vpn to its endpoint.
func tunnelled() []byte {
	const payload = 96
	b := append(make([]byte, 12), 8, 0, 0x45, 0)
	b = append(binary.BigEndian.AppendUint16(b, 28+payload), 0, 0, 0, 0, 64, packet.ProtoUDP, 0, 0, 10, 137, 0, 20, 203, 0, 113, 9)
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, 40000), 51820)
	b = append(binary.BigEndian.AppendUint16(b, 8+payload), 0, 0, 4, 0, 0, 0)
	return append(b, make([]byte, payload-4)...)
}

// captured returns a file with three packets, before the second of which some were lost, and with
// statistics at its end.
func captured(before uint32, inAll uint64) []byte {
	b := pcapng.AppendSection(nil, &pcapng.Section{})
	for _, name := range []string{"vif7.0", "vif9.0"} {
		b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: 1, Name: name})
	}
	frame := tunnelled()
	for i := range 3 {
		p := pcapng.Packet{At: started + int64(i)*int64(time.Second), Data: frame, Length: uint32(len(frame)), Flags: 1}
		if i == 1 {
			p.Dropped = uint64(before)
		}
		b = pcapng.AppendPacket(b, &p)
	}
	return pcapng.AppendStats(b, &pcapng.Stats{At: started, Counted: true, Received: 3, Dropped: inAll})
}

// replayed returns the verdicts on a file.
func replayed(t *testing.T, file []byte) (*judge.View, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture.pcapng")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := inventory.Parse(strings.NewReader(`{"version": 1, "qubes": [
		{"name": "sys-vpn", "netvm": "sys-log", "ip": "10.137.0.20", "xid": 7, "provides_network": true},
		{"name": "sys-quiet", "netvm": "sys-log", "ip": "10.137.0.21", "xid": 9, "provides_network": true},
		{"name": "sys-away", "netvm": "sys-other", "ip": "10.137.0.22", "xid": 11, "provides_network": true}]}`), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	index := inventory.NewIndex(inventory.Config{})
	index.Update(s, time.Unix(0, started))
	conf := config.Verify{Enabled: true, Expect: []config.VerifyExpect{
		{Qubes: []string{"sys-vpn", "sys-quiet", "sys-away"}, Exit: "vpn", Protocol: "wireguard", Endpoints: []string{"203.0.113.9:51820/udp"}}}}
	return verify.Replay(t.Context(), &conf, index, path)
}

// about returns the verdict on a check and a qube, with its reason.
func about(v *judge.View, check, qube string) string {
	if v == nil {
		return "nothing"
	}
	for _, l := range v.Verdicts {
		if l.Check == check && l.Subject == qube {
			return strings.TrimSuffix(l.Verdict+" "+l.Why, " ")
		}
	}
	return "absent"
}

// TestReplay_lost holds that no pass rests on packets of a file that says that some were lost, or
// that cannot be read to its end: the verdicts on the rest are there with the error.
func TestReplay_lost(t *testing.T) {
	t.Parallel()
	whole := captured(0, 0)
	for name, tt := range map[string]struct {
		file          []byte
		want, wantErr string
	}{
		"whole":                    {whole, "pass", ""},
		"lost before a packet":     {captured(2, 0), "unknown capture-lost", ""},
		"lost, as the end says":    {captured(0, 2), "unknown capture-lost", ""},
		"cut off in the last part": {whole[:len(whole)-5], "unknown capture-lost", "ends inside a record"},
		"a block of no length":     {append(whole[:len(whole):len(whole)], make([]byte, 32)...), "unknown capture-lost", "a block claims a length of 0"},
		"cut off in the beginning": {whole[:40], "nothing", "ends inside a record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			view, err := replayed(t, tt.file)
			if (err != nil) != (tt.wantErr != "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("error %v; want %q", err, tt.wantErr)
			}
			if got := about(view, "VPN-1", "sys-vpn"); got != tt.want {
				t.Errorf("VPN-1 of sys-vpn is %s; want %s", got, tt.want)
			}
		})
	}
}

// TestReplay_silent tells a qube whose vif is in the file and sends nothing from one without a vif
// there.
func TestReplay_silent(t *testing.T) {
	t.Parallel()
	view, err := replayed(t, captured(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for qube, want := range map[string]string{"sys-vpn": "pass", "sys-quiet": "unknown no-traffic", "sys-away": "unknown not-attached"} {
		if got := about(view, "VPN-1", qube); got != want {
			t.Errorf("VPN-1 of %s is %s; want %s", qube, got, want)
		}
	}
}
