package evaluate

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// row is a line of a log: its fields by name, "" for what is unset.
type row map[string]string

func (r row) number(name string) float64 {
	v, _ := strconv.ParseFloat(r[name], 64)
	return v
}

// time returns a time of a log in nanoseconds: in seconds since the Unix epoch or, as logs in JSON may
// have it, by ISO 8601.
func (r row) time() (at int64, ok bool) {
	if seconds, err := strconv.ParseFloat(r["ts"], 64); err == nil && seconds > 0 && seconds < 1<<33 {
		return int64(seconds*1e6) * 1000, true
	}
	t, err := time.Parse(time.RFC3339Nano, r["ts"])
	return t.UnixNano(), err == nil
}

// isQuery, isConnection and isHello tell lines of dns.log, conn.log and ssl.log from each other.
func (r row) isQuery() bool { return r["query"] != "" || r["qtype"] != "" || r["trans_id"] != "" }

func (r row) isConnection() bool {
	return r["conn_state"] != "" || r["proto"] != "" && (r["duration"] != "" || r["orig_bytes"] != "" || r["orig_pkts"] != "")
}

func (r row) isHello() bool { return r["server_name"] != "" || r["cipher"] != "" }

// addr returns an address and its family.
func (r row) addr(name string) (packet.Addr, uint8) {
	a, _ := netip.ParseAddr(r[name])
	return packet.AddrFrom(a)
}

// zeek returns what logs of Zeek describe: conn, dns and ssl, as JSON or with tabs.
func zeek(paths []string) (items []detect.Item, err error) {
	hellos := map[string]*clienthello.Hello{}
	var conns, queries []row
	for _, path := range paths {
		rows, err := readRows(path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		for _, r := range rows {
			switch {
			case r.isQuery():
				queries = append(queries, r)
			case r.isConnection():
				conns = append(conns, r)
			case r.isHello() && r["uid"] != "":
				hellos[r["uid"]] = &clienthello.Hello{ServerName: r["server_name"], JA4: r["ja4"]}
			}
		}
	}
	for _, r := range conns {
		items = appendConnection(items, r, hellos[r["uid"]])
	}
	for _, r := range queries {
		items = appendQuery(items, r)
	}
	if len(items) == 0 && len(conns)+len(queries) > 0 {
		return nil, fmt.Errorf("reading %s: no line has a time (ts), a protocol (proto) and both addresses (id.orig_h, id.resp_h)", paths[0])
	}
	sortItems(items)
	return items, nil
}

// appendConnection appends what a line of conn.log describes.
func appendConnection(items []detect.Item, r row, h *clienthello.Hello) []detect.Item {
	src, family := r.addr("id.orig_h")
	dst, _ := r.addr("id.resp_h")
	proto := protocol(r["proto"], family)
	at, dated := r.time()
	if family == 0 || proto == 0 || !dated {
		return items
	}
	n := flow.Notice{Kind: flow.Opened, At: at, Born: at, Source: src, Destination: dst, Family: family, Proto: proto,
		SourcePort: uint16(r.number("id.orig_p")), DestinationPort: uint16(r.number("id.resp_p"))}
	n.Midstream = proto == packet.ProtoTCP && r["history"] != "" && !strings.HasPrefix(r["history"], "S")
	isICMP := proto == packet.ProtoICMP || proto == packet.ProtoICMPv6
	if isICMP {
		n.ICMPType, n.SourcePort, n.DestinationPort = uint8(r.number("id.orig_p")), 0, 0
	}
	end := at + int64(r.number("duration")*1e9)
	items = append(items, detect.Item{At: at, Notice: n})
	if answered := r.number("resp_pkts") > 0 || r.number("resp_bytes") > 0; answered || r["conn_state"] == "SF" {
		n.Kind, n.At, n.Rejected = flow.Answered, min(at+1e7, end), r["conn_state"] == "REJ"
		items = append(items, detect.Item{At: n.At, Notice: n})
	}
	rec := flow.Record{Start: at, Born: at, End: end, Family: family, Proto: proto, Reason: flow.ReasonEnd,
		Source:      flow.Endpoint{Addr: src, Port: n.SourcePort, Sent: true, Packets: packetsOf(r, "orig"), Bytes: bytesOf(r, "orig")},
		Destination: flow.Endpoint{Addr: dst, Port: n.DestinationPort, Packets: packetsOf(r, "resp"), Bytes: bytesOf(r, "resp")}}
	if isICMP {
		rec.ICMPKind = uint16(n.ICMPType) << 8
	}
	if !n.Midstream {
		rec.SynCount = 1
	}
	told := end
	if rec.Destination.Packets == 0 { // that is when a meter gives up
		told += int64(tableConfig.IdleTimeout)
	}
	return append(items, detect.Item{At: told, Other: &detect.Ended{Record: rec, Hello: h}})
}

// protocol returns the IANA number of a protocol, 0 for one that is not known. ICMP is that of the
// family.
func protocol(name string, family uint8) uint8 {
	switch {
	case name == "tcp":
		return packet.ProtoTCP
	case name == "udp":
		return packet.ProtoUDP
	case name == "icmp" && family == 6:
		return packet.ProtoICMPv6
	case name == "icmp":
		return packet.ProtoICMP
	}
	return 0
}

// packetsOf returns the packets of one side: one at least if it has sent bytes, as logs need not
// count packets.
func packetsOf(r row, side string) uint64 {
	n := uint64(r.number(side + "_pkts"))
	if n == 0 && bytesOf(r, side) > 0 {
		return 1
	}
	return n
}

// bytesOf returns the bytes of one side.
func bytesOf(r row, side string) uint64 {
	if n := r.number(side + "_ip_bytes"); n > 0 {
		return uint64(n)
	}
	return uint64(r.number(side + "_bytes"))
}

// appendQuery appends what a line of dns.log describes.
func appendQuery(items []detect.Item, r row) []detect.Item {
	client, err := netip.ParseAddr(r["id.orig_h"])
	server, err2 := netip.ParseAddr(r["id.resp_h"])
	at, dated := r.time()
	if err != nil || err2 != nil || r.number("id.resp_p") != 53 || !dated {
		return items
	}
	m := detect.Message{Client: client, Server: server, Name: strings.ToLower(r["query"]), Type: uint16(r.number("qtype")), Bytes: len(r["query"]) + 30}
	items = append(items, detect.Item{At: at, Other: &m})
	if r["rcode"] == "" && r["rcode_name"] == "" && r["answers"] == "" {
		return items
	}
	response := m
	response.Response, response.NXDomain, response.Bytes = true, r.number("rcode") == 3 || r["rcode_name"] == "NXDOMAIN", m.Bytes+len(r["answers"])
	ttls := strings.Split(r["TTLs"], ",")
	for i, text := range strings.Split(r["answers"], ",") {
		if a, err := netip.ParseAddr(text); err == nil {
			ttl := 300.0
			if i < len(ttls) {
				ttl, _ = strconv.ParseFloat(ttls[i], 64)
			}
			response.Addresses = append(response.Addresses, detect.Address{Addr: a, TTL: uint32(ttl)})
		}
	}
	return append(items, detect.Item{At: at + int64(r.number("rtt")*1e9), Other: &response})
}

// readRows reads a log, which may be compressed with gzip.
func readRows(path string) (rows []row, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	var names []string
	for lines.Scan() {
		text := lines.Text()
		switch {
		case strings.HasPrefix(text, "{"):
			if r, err := jsonRow(text); err == nil {
				rows = append(rows, r)
			}
		case strings.HasPrefix(text, "#fields"):
			names = strings.Split(text, "\t")[1:]
		case !strings.HasPrefix(text, "#") && names != nil:
			rows = append(rows, tabRow(names, text))
		}
	}
	return rows, lines.Err()
}

// tabRow reads a line with tabs.
func tabRow(names []string, text string) row {
	r := row{}
	for i, v := range strings.Split(text, "\t") {
		if i < len(names) && v != "-" && v != "(empty)" {
			r[names[i]] = v
		}
	}
	return r
}

// jsonRow reads a line of JSON.
func jsonRow(text string) (row, error) {
	var values map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return nil, err
	}
	r := row{}
	for name, v := range values {
		r.set(name, v)
	}
	return r, nil
}

// set sets a field to a value of JSON; one that has fields of its own is several.
func (r row) set(name string, v any) {
	switch v := v.(type) {
	case string:
		r[name] = v
	case json.Number:
		r[name] = v.String()
	case bool:
		r[name] = strconv.FormatBool(v)
	case []any:
		var list []string
		for _, one := range v {
			list = append(list, fmt.Sprint(one))
		}
		r[name] = strings.Join(list, ",")
	case map[string]any:
		for field, one := range v {
			r.set(name+"."+field, one)
		}
	}
}

// nameList returns queries for the names in a list with lines "LABEL,NAME", one in a second.
func nameList(path string) (items []detect.Item, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	client, server := netip.AddrFrom4([4]byte{10, 137, 0, 15}), netip.AddrFrom4([4]byte{10, 139, 1, 1})
	at := int64(1_700_000_000e9)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		_, name, _ := strings.Cut(lines.Text(), ",")
		name = strings.ToLower(strings.TrimSuffix(name[strings.LastIndexByte(name, ',')+1:], "."))
		if name == "" || name == "qname" {
			continue
		}
		at += 1e9
		items = append(items, detect.Item{At: at, Other: &detect.Message{Client: client, Server: server, Name: name, Type: 1, Bytes: len(name) + 30}})
	}
	return items, nil
}
