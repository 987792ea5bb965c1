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

// time returns a time of a log in nanoseconds.
func (r row) time() int64 { return int64(r.number("ts")*1e6) * 1000 }

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
			case r["query"] != "" || r["qtype"] != "":
				queries = append(queries, r)
			case r["conn_state"] != "":
				conns = append(conns, r)
			case r["server_name"] != "" || r["cipher"] != "":
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
	sortItems(items)
	return items, nil
}

// appendConnection appends what a line of conn.log describes.
func appendConnection(items []detect.Item, r row, h *clienthello.Hello) []detect.Item {
	src, family := r.addr("id.orig_h")
	dst, _ := r.addr("id.resp_h")
	proto := map[string]uint8{"tcp": packet.ProtoTCP, "udp": packet.ProtoUDP, "icmp": packet.ProtoICMP}[r["proto"]]
	if family == 0 || proto == 0 || r["ts"] == "" {
		return items
	}
	at := r.time()
	n := flow.Notice{Kind: flow.Opened, At: at, Born: at, Source: src, Destination: dst, Family: family, Proto: proto,
		SourcePort: uint16(r.number("id.orig_p")), DestinationPort: uint16(r.number("id.resp_p"))}
	n.Midstream = proto == packet.ProtoTCP && r["history"] != "" && !strings.HasPrefix(r["history"], "S")
	if proto == packet.ProtoICMP {
		n.ICMPType, n.SourcePort, n.DestinationPort = uint8(r.number("id.orig_p")), 0, 0
	}
	end := at + int64(r.number("duration")*1e9)
	items = append(items, detect.Item{At: at, Notice: n})
	if answered := r.number("resp_pkts") > 0 || r.number("resp_bytes") > 0; answered || r["conn_state"] == "SF" {
		n.Kind, n.At, n.Rejected = flow.Answered, min(at+1e7, end), r["conn_state"] == "REJ"
		items = append(items, detect.Item{At: n.At, Notice: n})
	}
	rec := flow.Record{Start: at, Born: at, End: end, Family: family, Proto: proto, Reason: flow.ReasonEnd,
		Source:      flow.Endpoint{Addr: src, Port: n.SourcePort, Sent: true, Packets: uint64(r.number("orig_pkts")), Bytes: bytesOf(r, "orig")},
		Destination: flow.Endpoint{Addr: dst, Port: n.DestinationPort, Packets: uint64(r.number("resp_pkts")), Bytes: bytesOf(r, "resp")}}
	if proto == packet.ProtoICMP {
		rec.ICMPKind = uint16(n.ICMPType) << 8
	}
	told := end
	if rec.Destination.Packets == 0 { // that is when a meter gives up
		told += int64(tableConfig.IdleTimeout)
	}
	return append(items, detect.Item{At: told, Other: &detect.Ended{Record: rec, Hello: h}})
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
	if err != nil || err2 != nil || r.number("id.resp_p") != 53 {
		return items
	}
	m := detect.Message{Client: client, Server: server, Name: strings.ToLower(r["query"]), Type: uint16(r.number("qtype")), Bytes: len(r["query"]) + 30}
	at := r.time()
	items = append(items, detect.Item{At: at, Other: &m})
	if r["rcode"] == "" {
		return items
	}
	response := m
	response.Response, response.NXDomain, response.Bytes = true, r.number("rcode") == 3, m.Bytes+len(r["answers"])
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
		switch v := v.(type) {
		case string:
			r[name] = v
		case json.Number:
			r[name] = v.String()
		case []any:
			var list []string
			for _, one := range v {
				list = append(list, fmt.Sprint(one))
			}
			r[name] = strings.Join(list, ",")
		case bool:
			r[name] = strconv.FormatBool(v)
		}
	}
	return r, nil
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
