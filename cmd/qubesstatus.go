package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/nftrules"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	inventorymodule "github.com/qubesbeat/qubesbeat/module/inventory"
)

// errStatus is returned after all findings have been printed.
var errStatus = errors.New("some findings need attention, see the lines with !! (wrong) and ?? (not known)")

func statusQubes(c *cobra.Command, root string) error {
	conf, cfg, err := readWanted(root)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), nftTimeout)
	defer cancel()
	state, err := nftrules.ReadWithClients(ctx)
	if err != nil {
		return err
	}
	good := true
	for _, f := range nftrules.Status(state, cfg, readFacts(conf, cfg)) {
		mark := "  ok  "
		switch good = good && f.Good; {
		case f.Unknown:
			mark = "  ??  "
		case !f.Good:
			mark = "  !!  "
		}
		fmt.Fprintln(c.OutOrStdout(), mark+safetext.Line(f.Text))
	}
	if !good {
		return errStatus
	}
	return nil
}

// readFacts reads the state of this machine.
func readFacts(conf *config.Config, cfg nftrules.Config) nftrules.Facts {
	f := nftrules.Facts{
		Listening: hasUDPSocket(cfg.ResolverPort),
		HasReader: hasNFLogReader(cfg.NFLogGroup),
		Connected: connectedClients(conf.Resolver.Firewall.Socket),
		Local:     localAddr,
		Hidden:    hiddenRules(),
	}
	file, err := os.Open(inventoryFile(conf))
	if err != nil {
		f.Why = err.Error()
		return f
	}
	defer file.Close()
	s, err := inventory.Parse(file, inventory.Config{Fields: conf.Inventory.Fields})
	if err != nil {
		f.Why, _, _ = strings.Cut(err.Error(), "\n")
		return f
	}
	names, domains := map[netip.Addr]string{}, map[string][]netip.Addr{}
	for i := range s.Qubes {
		q := &s.Qubes[i]
		for _, a := range []netip.Addr{q.IP, q.IP6} {
			if a.IsValid() {
				names[a] = q.Name
				domains[vifCell(q)] = append(domains[vifCell(q)], a)
			}
		}
	}
	f.Name = func(a netip.Addr) string { return names[a] }
	f.Domain = func(vif string) []netip.Addr { return domains[vif] }
	return f
}

// inventoryFile returns the path of the beat's inventory.
func inventoryFile(conf *config.Config) string {
	if conf.Inventory.File != "" {
		return conf.Inventory.File
	}
	line := parseLine(os.Args[1:])
	return filepath.Join(cmp.Or(line.data, filepath.Join(line.home, "data")), inventorymodule.PushedFile)
}

// hasUDPSocket reports whether a UDP socket is bound to port.
func hasUDPSocket(port uint16) bool {
	suffix := fmt.Sprintf(":%04X", port)
	match := func(f []string) bool { return len(f) > 1 && strings.HasSuffix(f[1], suffix) }
	return anyLine("/proc/net/udp", match) || anyLine("/proc/net/udp6", match)
}

// hasNFLogReader reports whether a process reads an NFLOG group. Only root can read the
// file that says so.
func hasNFLogReader(group uint16) bool {
	return anyLine("/proc/net/netfilter/nfnetlink_log", func(f []string) bool { return len(f) > 0 && f[0] == fmt.Sprint(group) })
}

// anyLine reports whether the words of any line of a file match.
func anyLine(path string, match func(words []string) bool) bool {
	text, _ := os.ReadFile(path)
	for line := range bytes.Lines(text) {
		if match(strings.Fields(string(line))) {
			return true
		}
	}
	return false
}

// connectedClients returns the clients that QubesDB lists.
func connectedClients(socket string) (list []netip.Addr) {
	text := strings.Join(qubesdb.Values(socket, "/connected-ips", "/connected-ips6"), " ")
	for _, word := range strings.Fields(text) {
		if a, err := netip.ParseAddr(word); err == nil {
			list = append(list, a)
		}
	}
	return list
}
