package kernellog_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// mac is that of every qube, as the kernel writes it.
const mac = "MAC=fe:ff:ff:ff:ff:ff:00:16:3e:5e:6c:00:08:00 "

func TestParse(t *testing.T) {
	t.Parallel()
	tcp := firewall.Tuple{Proto: 6, Src: addr("10.137.0.15"), Dst: addr("10.137.0.16"), SrcPort: 45678, DstPort: 22}
	echo := firewall.Tuple{Proto: 1, Src: addr("10.137.0.6"), Dst: addr("198.51.100.7"), ICMPType: 8, ICMPID: 22933}
	tests := []struct {
		name, in string
		want     firewall.Observation
	}{
		{"between two qubes", "QUBES DROP: IN=vif12.0 OUT=vif14.0 " + mac + "SRC=10.137.0.15 DST=10.137.0.16 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=4660 DF PROTO=TCP SPT=45678 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 ",
			firewall.Observation{Prefix: "QUBES DROP: ", In: "vif12.0", Out: "vif14.0", Tuple: tcp, Length: 60}},
		{"prefix without a separator, input", "xIN=vif5.0 OUT= " + mac + "SRC=10.137.0.15 DST=10.137.0.16 LEN=60 PROTO=TCP SPT=45678 DPT=22 ",
			firewall.Observation{Prefix: "x", In: "vif5.0", Tuple: tcp, Length: 60}},
		{"no prefix, output, with its user", "IN= OUT=eth0 SRC=10.137.0.15 DST=10.137.0.16 LEN=60 PROTO=TCP SPT=45678 DPT=22 UID=0 GID=0 ",
			firewall.Observation{Out: "eth0", Tuple: tcp, Length: 60}},
		{"a prefix that says IN=", "BAD IN=x IN=vif5.0 OUT=eth0 SRC=10.137.0.15 DST=10.137.0.16 LEN=60 PROTO=TCP SPT=45678 DPT=22 ",
			firewall.Observation{Prefix: "BAD IN=x ", In: "vif5.0", Out: "eth0", Tuple: tcp, Length: 60}},
		{"options with what looks like keys", "IN=vif5.0 OUT=eth0 SRC=10.137.0.15 DST=10.137.0.16 LEN=60 PROTO=TCP SPT=45678 DPT=22 OPT (020405B4) SRC=1.1.1.1 ",
			firewall.Observation{In: "vif5.0", Out: "eth0", Tuple: tcp, Length: 60}},
		{"UDP, whose length comes again", "IN=vif4.0 OUT=eth0 SRC=10.137.0.15 DST=10.137.0.16 LEN=30 ID=14201 DF PROTO=UDP SPT=45678 DPT=22 LEN=10 ",
			firewall.Observation{In: "vif4.0", Out: "eth0", Length: 30, Tuple: firewall.Tuple{Proto: 17, Src: tcp.Src, Dst: tcp.Dst, SrcPort: 45678, DstPort: 22}}},
		{"ping, whose id comes again", "IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=198.51.100.7 LEN=84 ID=8832 DF PROTO=ICMP TYPE=8 CODE=0 ID=22933 SEQ=1 ",
			firewall.Observation{In: "vif4.0", Out: "eth0", Tuple: echo, Length: 84}},
		{"an error with what it is about", "QB-REJECT IN= OUT=vif4.0 SRC=10.137.0.5 DST=10.137.0.6 LEN=112 ID=29553 PROTO=ICMP TYPE=3 CODE=13 [SRC=10.137.0.6 DST=198.51.100.7 LEN=84 ID=8832 DF PROTO=ICMP TYPE=8 CODE=0 ID=22933 SEQ=1 ] ",
			firewall.Observation{Prefix: "QB-REJECT ", Out: "vif4.0", Length: 112, Inner: echo, HasInner: true,
				Tuple: firewall.Tuple{Proto: 1, Src: addr("10.137.0.5"), Dst: addr("10.137.0.6"), ICMPType: 3, ICMPCode: 13}}},
		{"IPv6 in full", "IN=vif4.0 OUT=eth0 SRC=fd09:24ef:4179:0000:0000:0000:0a89:0006 DST=2001:0db8:0000:0000:0000:0000:0000:0007 LEN=104 TC=0 HOPLIMIT=63 FLOWLBL=1 PROTO=ICMPv6 TYPE=128 CODE=0 ID=9 SEQ=1 ",
			firewall.Observation{In: "vif4.0", Out: "eth0", Length: 104, Tuple: firewall.Tuple{Proto: 58, Src: addr("fd09:24ef:4179::a89:6"), Dst: addr("2001:db8::7"), ICMPType: 128, ICMPID: 9}}},
		{"a protocol that is a number", "IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=198.51.100.7 LEN=84 PROTO=132 ",
			firewall.Observation{In: "vif4.0", Out: "eth0", Length: 84, Tuple: firewall.Tuple{Proto: 132, Src: echo.Src, Dst: echo.Dst}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := kernellog.Parse(tt.in)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || !ok {
				t.Errorf("Parse = %v; mismatch (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestParse_other(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "IN=", "usb 1-1: new high-speed USB device", "IN=vif4.0 OUT=eth0 SRC=10.137.0.6", "IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=1.2.3.4 LEN=1",
		"IN=vif4.0 OUT=eth0 SRC=nonsense DST=1.2.3.4 PROTO=TCP", "IN=an-interface-that-is-too-long OUT=eth0 SRC=1.1.1.1 DST=1.1.1.1 PROTO=TCP"} {
		if o, ok := kernellog.Parse(in); ok {
			t.Errorf("Parse(%q) = %+v; want nothing", in, o)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("QB-REJECT IN= OUT=vif4.0 SRC=10.137.0.5 DST=10.137.0.6 LEN=88 PROTO=ICMP TYPE=3 CODE=13 [SRC=10.137.0.6 DST=198.51.100.7 LEN=60 PROTO=TCP SPT=54014 DPT=8443 ] ")
	f.Add("IN=vif4.0 OUT= MACSRC=00:16:3e:5e:6c:00 SRC=::1 DST=::2 LEN=1 PROTO=UDP INCOMPLETE [8 bytes] ")
	f.Fuzz(func(t *testing.T, text string) {
		o, ok := kernellog.Parse(text)
		if ok && (!o.Src.IsValid() || !o.Dst.IsValid() || len(o.In) > 15 || len(o.Out) > 15) {
			t.Errorf("Parse(%q) = %+v", text, o)
		}
	})
}

// TestCase04_log_ip_options reads on behind IP and TCP options.
func TestCase04_log_ip_options(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		proto uint8
		port  uint16
	}{
		{"DROP4: IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=224.0.0.22 LEN=40 TTL=1 ID=0 DF OPT (94040000) PROTO=2", 2, 0},
		{"DROP6: IN=vif4.0 OUT=eth0 SRC=fd09::6 DST=2001:db8::1 LEN=80 HOPLIMIT=63 OPT ( ) PROTO=TCP SPT=4 DPT=1015 SYN OPT (020405A00402080A)", 6, 1015},
		{"DROPT: IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=198.51.100.1 LEN=60 PROTO=TCP SPT=4 DPT=1016 SYN URGP=0 OPT (020405B4) UID=0 GID=0 MARK=0x1", 6, 1016},
		{"IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=1.1.1.1 LEN=60 OPT (94 04 00 00) FRAG:64 PROTO=UDP SPT=1 DPT=53 LEN=8", 17, 53},
		{"IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=1.1.1.1 LEN=60 OPT (94040000", 0, 0}, // the line was cut off
	} {
		o, ok := kernellog.Parse(tt.text)
		if ok != (tt.proto != 0) || o.Proto != tt.proto || o.DstPort != tt.port {
			t.Errorf("Parse(%q) = %+v, %v; want protocol %d, port %d", tt.text, o, ok, tt.proto, tt.port)
		}
	}
}

// TestCase04_log_extension_headers reads IPv6 packets of which the kernel writes no PROTO=:
// what it knows stands in the extension headers, and ESP without --log-ip-options is
// nothing at all.
func TestCase04_log_extension_headers(t *testing.T) {
	t.Parallel()
	const head = "D: IN=vif4.0 OUT=eth0 SRC=fd09::6 DST=2001:db8::1 LEN=100 TC=0 HOPLIMIT=63 FLOWLBL=0 "
	for _, tt := range []struct {
		text  string
		proto uint8
	}{
		{"OPT ( ESP SPI=0x1234 )", 50},
		{"OPT ( ESP INCOMPLETE [4 bytes] )", 50},
		{"", 50},
		{"UID=0 GID=0 ", 50},
		{"OPT ( ) OPT ( AH SPI=0x1 ) OPT ( ESP SPI=0x1234 )", 50},
		{"OPT ( FRAG:64 ID:00001234 ) OPT ( ESP )", 50},
		{"OPT ( FRAG:64 ID:00001234 ) OPT ( AH )", 51},
		{"OPT ( AH INCOMPLETE [4 bytes] )", 51},
		{"OPT ( FRAG:64 ID:00001234 ) OPT ( )", 44},
		{"FRAG:64 ID:00001234 ", 44},
		{"OPT ( Unknown Ext Hdr 135", 135},
		{"Unknown Ext Hdr 139", 139},
		{"TRUNCATED", 0},
		{"OPT ( FRAG:TRUNCATED ", 44},
		{"OPT ( AH SPI=0x1234 ) PROTO=TCP SPT=5 DPT=4007", 6},
	} {
		o, ok := kernellog.Parse(head + tt.text)
		if !ok || o.Proto != tt.proto || o.Src != addr("fd09::6") || o.Dst != addr("2001:db8::1") {
			t.Errorf("Parse(%q) = %+v, %v; want protocol %d", tt.text, o, ok, tt.proto)
		}
	}
	for _, text := range []string{"IN=vif4.0 OUT=eth0 SRC=fd09::6 DST=2001:db8::1 LEN=100 TC=0", "IN=vif4.0 OUT=eth0 SRC=fd09::6 FLOWLBL=0 ",
		"IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=1.2.3.4 LEN=1 FLOWLBL=0 "} {
		if o, ok := kernellog.Parse(text); ok {
			t.Errorf("Parse(%q) = %+v; want nothing", text, o)
		}
	}
}
