package probe_test

import (
	"bytes"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// nonce is one that dom0 could make.
func nonce() probe.Nonce {
	return probe.Nonce{0xc7, 0x1f, 0x90, 0x01, 0x02, 0x03, 0x04, 0x05}
}

// tunnel is what dom0 sends before the first probe.
const tunnel = `{"version": 1, "kind": "tunnel", "via": "sys-vpn", "nonce": "c71f900102030405", "sizes": [411, 523, 677, 811, 953], "ttl": 2, "seconds": 30, "client": "banking"}`

// A parseCase is an announcement with either what it says or a part of the error.
type parseCase struct {
	name, in string
	want     *probe.Announcement
	err      string
}

// parseCases are also the seeds of FuzzParse.
func parseCases() []parseCase {
	all := &probe.Announcement{Kind: probe.Tunnel, Nonce: nonce(), Via: "sys-vpn", Client: "banking", Sizes: probe.Sizes(), TTL: 2, For: 30 * time.Second}
	down := *all
	down.Kind, down.Client = probe.Down, ""
	with := func(old, new string) string { return strings.Replace(tunnel, old, new, 1) }
	return []parseCase{
		{"tunnel", tunnel + "\n", all, ""},
		{"down, behind a gateway", strings.Replace(with(`"tunnel"`, `"down"`), `, "client": "banking"`, "", 1), &down, ""},
		{"sent", `{"version": 1, "kind": "sent", "nonce": "c71f900102030405"}`, &probe.Announcement{Kind: probe.Sent, Nonce: nonce()}, ""},
		{"empty", "", nil, "EOF"},
		{"cut off", tunnel[:40], nil, "unexpected EOF"},
		{"two", tunnel + tunnel, nil, "more than one"},
		{"long", tunnel + strings.Repeat(" ", probe.MaxSize), nil, "more than 4096 bytes"},
		{"another version", with("1", "2"), nil, "version 2 of the format is not supported"},
		{"an unknown key", with(`"ttl"`, `"tll"`), nil, `unknown field "tll"`},
		{"an unknown kind", with(`"tunnel"`, `"tunnel\u001b[2J"`), nil, `kind "tunnel\x1b[2J" is not`},
		{"no nonce", with("c71f900102030405", ""), nil, `"" is no nonce`},
		{"half a nonce", with("c71f900102030405", "c71f9001"), nil, "is no nonce"},
		{"the address of the network", with("c71f90", "001f90"), nil, "is no nonce"},
		{"the address of all hosts", with("c71f90", "ff1f90"), nil, "is no nonce"},
		{"the port of DNS", with("c71f90", "c70035"), nil, "is no nonce"},
		{"an invalid name", with("sys-vpn", "sys vpn"), nil, "via: name"},
		{"no via", with(`"via": "sys-vpn", `, ""), nil, "via: name is empty"},
		{"an invalid client", with("banking", "-rf"), nil, "client: name"},
		{"no sizes", with("411, 523, 677, 811, 953", ""), nil, "0 sizes"},
		{"many sizes", with("411", "411"+strings.Repeat(", 411", 16)), nil, "21 sizes; 1 to 16"},
		{"a negative size", with("523", "-523"), nil, "size -523"},
		{"a size that is fragmented", with("523", "1500"), nil, "size 1500"},
		{"a size that is no number", with("523", "5e99"), nil, "cannot unmarshal"},
		{"no ttl", with(`"ttl": 2`, `"ttl": 0`), nil, "ttl is 0"},
		{"a ttl that leaves the machine", with(`"ttl": 2`, `"ttl": 64`), nil, "ttl is 64; 1 to 16"},
		{"for ever", with("\"seconds\": 30", "\"seconds\": 601"), nil, "seconds is 601"},
		{"sent, with more", with(`"tunnel"`, `"sent"`), nil, "a nonce and nothing else"},
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range parseCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := probe.Parse([]byte(tt.in))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("Parse = %v; want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse mismatch (-want +got):\n%s", diff)
			}
			if got == nil {
				return
			}
			if again, err := probe.Parse([]byte(got.Text())); err != nil || !cmp.Equal(got, again) {
				t.Errorf("Parse(%s) = %+v, %v; want %+v", got.Text(), again, err, got)
			}
		})
	}
}

// FuzzParse holds whatever Parse accepts to the promises of Announcement.
func FuzzParse(f *testing.F) {
	for _, tt := range parseCases() {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := probe.Parse(data)
		if (a == nil) != (err != nil) {
			t.Fatalf("Parse = %v, %v; want exactly one of them", a, err)
		}
		if err != nil {
			return
		}
		if len(data) > probe.MaxSize || !a.Nonce.Valid() {
			t.Errorf("%d bytes, nonce %x", len(data), a.Nonce)
		}
		if a.Kind == probe.Sent {
			if diff := cmp.Diff(&probe.Announcement{Kind: probe.Sent, Nonce: a.Nonce}, a); diff != "" {
				t.Errorf("more than a nonce (-want +got):\n%s", diff)
			}
			return
		}
		if qube.ValidName(a.Via) != nil || a.Client != "" && qube.ValidName(a.Client) != nil || a.TTL < 1 || a.TTL > 16 || a.For <= 0 || a.For > 10*time.Minute ||
			len(a.Sizes) == 0 || len(a.Sizes) > 16 {
			t.Errorf("Parse = %+v", a)
		}
		for _, size := range a.Sizes {
			if size < 64 || size > 1280 {
				t.Errorf("size %d", size)
			}
		}
	})
}

func TestNonce(t *testing.T) {
	t.Parallel()
	n := nonce()
	if got, want := n.Host4(), netip.MustParseAddrPort("192.0.2.199:8080"); got != want {
		t.Errorf("Host4 = %v; want %v", got, want)
	}
	if got, want := n.Host6(), netip.MustParseAddrPort("[2001:db8::c7]:8080"); got != want {
		t.Errorf("Host6 = %v; want %v", got, want)
	}
	if got, want := n.Name(), "qbv-c71f90010203.example.com"; got != want {
		t.Errorf("Name = %s; want %s", got, want)
	}
	for range 1000 {
		if n := probe.NewNonce(); !n.Valid() {
			t.Fatalf("NewNonce = %x, which is not valid", n)
		}
	}
	if got := n.Pattern(); !bytes.Equal(got, []byte("qbverify\xc7\x1f\x90\x01\x02\x03\x04\x05")) {
		t.Errorf("Pattern = %q", got)
	}
	for _, a := range []netip.Addr{probe.Echo4(), n.Host4().Addr()} {
		if !probe.Net4().Contains(a) {
			t.Errorf("%v is not in %v", a, probe.Net4())
		}
	}
	for _, a := range []netip.Addr{probe.Echo6(), n.Host6().Addr()} {
		if !probe.Net6().Contains(a) {
			t.Errorf("%v is not in %v", a, probe.Net6())
		}
	}
}

// TestSizes checks that the tunnels that are known make five different sizes of five.
func TestSizes(t *testing.T) {
	t.Parallel()
	wireGuard := []int{448, 560, 720, 848, 992} // as measured with wireguard-go
	for i, size := range probe.Sizes() {
		if got := 32 + (size+15)/16*16; got != wireGuard[i] {
			t.Errorf("%d bytes are sent as %d; want %d", size, got, wireGuard[i])
		}
	}
}

// TestDocument checks that docs/probes.md has these code points.
func TestDocument(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/probes.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{probe.Magic, probe.Echo4().String(), probe.Echo6().String(), probe.Net4().String(), probe.Net6().String(), probe.Service,
		nonce().Host4().String(), nonce().Host6().String(), nonce().Name(), strconv.Itoa(probe.MaxSize)}
	for _, size := range probe.Sizes() {
		want = append(want, strconv.Itoa(size))
	}
	for _, text := range want {
		if !bytes.Contains(doc, []byte(text)) {
			t.Errorf("docs/probes.md does not have %s", text)
		}
	}
	_, example, _ := bytes.Cut(doc, []byte("```json\n"))
	lines, _, _ := bytes.Cut(example, []byte("```"))
	count := 0
	for line := range bytes.Lines(lines) {
		count++
		if _, err := probe.Parse(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if count != 2 {
		t.Errorf("docs/probes.md has %d announcements; want 2", count)
	}
}
