package verify

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// whoami is a name whose server answers with the address that has asked it.
type whoami struct {
	name string
	// servers are those that answer themselves: all others ask them, so that the address is
	// that of a resolver.
	servers []netip.Addr
}

// whoamis are those that are known.
var whoamis = [...]whoami{
	{"myip.opendns.com", addrs("208.67.222.222", "208.67.220.220", "208.67.222.220", "208.67.220.222", "2620:119:35::35", "2620:119:53::53")},
	{"o-o.myaddr.l.google.com", addrs("216.239.32.10", "216.239.34.10", "216.239.36.10", "216.239.38.10",
		"2001:4860:4802:32::a", "2001:4860:4802:34::a", "2001:4860:4802:36::a", "2001:4860:4802:38::a")},
	{"whoami.akamai.net", nil},
}

func addrs(list ...string) (all []netip.Addr) {
	for _, text := range list {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// whoamiOf returns what a query over UDP asks for, nil if that is no such name.
func whoamiOf(p *packet.Packet, frame []byte) *whoami {
	name := strings.TrimSuffix(queryName(p, frame), ".")
	i := slices.IndexFunc(whoamis[:], func(w whoami) bool { return w.name == name })
	if i < 0 {
		return nil
	}
	return &whoamis[i]
}

// method returns how the answer of a server is known: dns is the qube's own address, resolver
// that of the resolver that has asked for it.
func (w *whoami) method(server netip.Addr) string {
	if slices.Contains(w.servers, server) {
		return "dns"
	}
	return "resolver"
}

// answer returns the first address that a reply has for the name, in A, AAAA or TXT. It may be
// cut behind that.
func (w *whoami) answer(msg []byte) (a netip.Addr, ok bool) {
	const response, rcode = 0x80, 0x0f
	var r dnsmsg.Reader
	if len(msg) < dnsmsg.HeaderSize || msg[2]&response == 0 || msg[3]&rcode != 0 || !w.isName(msg, dnsmsg.HeaderSize) || r.Read(msg) != nil {
		return a, false
	}
	for rr := (dnsmsg.Record{}); r.Next(&rr); {
		if rr.Section != dnsmsg.Answer || !w.isName(msg, rr.Name) {
			continue
		}
		if a, ok := addressOf(rr.Type, msg[rr.Data:rr.Data+rr.Len]); ok {
			return a, true
		}
	}
	return a, false
}

// isName reports whether a message has the name at an offset.
func (w *whoami) isName(msg []byte, at int) bool {
	name, _, err := dnsmsg.AppendName(nil, msg, at)
	return err == nil && strings.EqualFold(strings.TrimSuffix(dnsmsg.Text(name), "."), w.name)
}

// addressOf returns the address of a record.
func addressOf(t dnsmsg.Type, data []byte) (netip.Addr, bool) {
	switch {
	case t == dnsmsg.TypeA && len(data) == 4, t == dnsmsg.TypeAAAA && len(data) == 16:
		return netip.AddrFromSlice(data)
	case t == dnsmsg.TypeTXT && len(data) > 0 && int(data[0]) < len(data) && data[0] <= 45:
		a, err := netip.ParseAddr(string(data[1 : 1+data[0]]))
		return a.WithZone(""), err == nil
	}
	return netip.Addr{}, false
}
