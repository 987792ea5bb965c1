package capture

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// Links returns the network interfaces, in the order of their indexes.
func Links() ([]LinkInfo, error) {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	defer conn.Close()
	messages, err := conn.Link.List()
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	out := make([]LinkInfo, 0, len(messages))
	for i := range messages {
		if l, ok := linkInfo(&messages[i]); ok {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b LinkInfo) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

// linkInfo converts a message; ok is false if it describes no interface.
func linkInfo(m *rtnetlink.LinkMessage) (LinkInfo, bool) {
	if m.Attributes == nil {
		return LinkInfo{}, false
	}
	return LinkInfo{Index: m.Index, Name: m.Attributes.Name,
		Up: m.Flags&unix.IFF_UP != 0, Loopback: m.Flags&unix.IFF_LOOPBACK != 0}, true
}

// defaultRoutes returns the names of the interfaces of the default routes of the
// given address families (4, 6). It returns nil if they cannot be listed.
func defaultRoutes(families []uint8) (names []string) {
	conn, err := rtnetlink.Dial(nil)
	if err != nil {
		return nil
	}
	defer conn.Close()
	routes, err := conn.Route.List()
	if err != nil {
		return nil
	}
	links, err := Links()
	if err != nil {
		return nil
	}
	for i := range routes {
		if isDefault(&routes[i], families) {
			names = append(names, nameOf(links, routes[i].Attributes.OutIface))
		}
	}
	return names
}

// isDefault reports whether r is a default route of one of the families in the
// main table.
func isDefault(r *rtnetlink.RouteMessage, families []uint8) bool {
	family := map[uint8]uint8{unix.AF_INET: 4, unix.AF_INET6: 6}[r.Family]
	return r.DstLength == 0 && r.Table == unix.RT_TABLE_MAIN && r.Type == unix.RTN_UNICAST &&
		slices.Contains(families, family)
}

// nameOf returns the name of the interface with that index, or "".
func nameOf(links []LinkInfo, index uint32) string {
	for _, l := range links {
		if l.Index == index {
			return l.Name
		}
	}
	return ""
}
