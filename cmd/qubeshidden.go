package cmd

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// localAddr returns the first IPv4 address of an interface, an invalid one if it has none.
func localAddr(iface string) netip.Addr {
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return netip.Addr{}
	}
	addrs, err := i.Addrs()
	if err != nil {
		return netip.Addr{}
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// hiddenRules describes what can take packets away and is not in the ruleset of nft:
// tables of the old iptables, and programs at the interfaces of the clients.
func hiddenRules() (list []string) {
	text, _ := os.ReadFile("/proc/net/ip_tables_names")
	if tables := strings.Fields(string(text)); len(tables) > 0 {
		list = append(list, fmt.Sprintf("iptables-legacy has tables (%s), which nft does not show: see iptables-legacy-save", strings.Join(tables, ", ")))
	}
	vifs := vifNames()
	for _, name := range vifs.program {
		list = append(list, fmt.Sprintf("%s has an XDP program, which sees packets before nft does: see ip link show %[1]s", name))
	}
	for _, index := range ingressQueues() {
		if name := vifs.all[index]; name != "" {
			list = append(list, fmt.Sprintf("%s has a queue that filters what comes in, before nft does: see tc filter show dev %[1]s ingress", name))
		}
	}
	return list
}

// vifs are the interfaces of the clients, by index.
type vifs struct{ all, program map[uint32]string }

// vifNames returns the interfaces whose names are those of clients' interfaces.
func vifNames() vifs {
	v := vifs{map[uint32]string{}, map[uint32]string{}}
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return v
	}
	defer c.Close()
	links, err := c.Link.List()
	if err != nil {
		return v
	}
	for _, l := range links {
		if l.Attributes == nil || !strings.HasPrefix(l.Attributes.Name, "vif") {
			continue
		}
		v.all[l.Index] = l.Attributes.Name
		if x := l.Attributes.XDP; x != nil && x.Attached != 0 {
			v.program[l.Index] = l.Attributes.Name
		}
	}
	return v
}

// tcMessageSize is the size of struct tcmsg, in which the index of the interface is at 4
// (linux/rtnetlink.h).
const tcMessageSize = 20

// ingressQueues returns the indexes of the interfaces with a queueing discipline for
// what comes in.
func ingressQueues() (indexes []uint32) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil
	}
	defer c.Close()
	answers, err := c.Execute(netlink.Message{Header: netlink.Header{Type: unix.RTM_GETQDISC, Flags: netlink.Request | netlink.Dump},
		Data: make([]byte, tcMessageSize)})
	if err != nil {
		return nil
	}
	for _, m := range answers {
		if len(m.Data) < tcMessageSize {
			continue
		}
		attributes, err := netlink.UnmarshalAttributes(m.Data[tcMessageSize:])
		if err != nil {
			continue
		}
		for _, a := range attributes {
			if kind := strings.TrimRight(string(a.Data), "\x00"); a.Type == unix.TCA_KIND && (kind == "ingress" || kind == "clsact") {
				indexes = append(indexes, binary.NativeEndian.Uint32(m.Data[4:8]))
			}
		}
	}
	return indexes
}
