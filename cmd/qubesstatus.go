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

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/nftrules"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
)

// errStatus ends the command with a status of its own after everything has been
// said.
var errStatus = errors.New("not everything is as it should be")

func statusQubes(c *cobra.Command, root string) error {
	conf, cfg, err := readWanted(root)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), nftTime)
	defer cancel()
	state, err := nftrules.ReadWithClients(ctx)
	if err != nil {
		return err
	}
	good := true
	for _, f := range nftrules.Status(state, cfg, facts(conf, cfg)) {
		mark := "  ok  "
		if !f.Good {
			mark, good = "  !!  ", false
		}
		fmt.Fprintln(c.OutOrStdout(), mark+f.Text)
	}
	if !good {
		return errStatus
	}
	return nil
}

// facts looks at the machine.
func facts(conf *config.Config, cfg nftrules.Config) nftrules.Facts {
	f := nftrules.Facts{Listens: listens(cfg.ResolverPort), Reads: reads(cfg.NFLogGroup), Connected: connected(conf.Resolver.Firewall.Socket)}
	file, err := os.Open(inventoryFile(conf))
	if err != nil {
		f.Why = err.Error()
		return f
	}
	defer file.Close()
	s, err := inventory.Parse(file, inventory.Options{Fields: conf.Inventory.Fields})
	if err != nil {
		f.Why, _, _ = strings.Cut(err.Error(), "\n")
		return f
	}
	names, domains := map[netip.Addr]string{}, map[string][]netip.Addr{}
	for i := range s.Qubes {
		for _, a := range []netip.Addr{s.Qubes[i].IP, s.Qubes[i].IP6} {
			if a.IsValid() {
				names[a] = s.Qubes[i].Name
				domains[vif(&s.Qubes[i])] = append(domains[vif(&s.Qubes[i])], a)
			}
		}
	}
	f.Name = func(a netip.Addr) string { return names[a] }
	f.Domain = func(vif string) []netip.Addr { return domains[vif] }
	return f
}

// inventoryFile returns where the beat keeps the inventory.
func inventoryFile(conf *config.Config) string {
	if conf.Inventory.File != "" {
		return conf.Inventory.File
	}
	line := parseLine(os.Args[1:])
	return filepath.Join(cmp.Or(line.data, filepath.Join(line.home, "data")), beater.PushedInventory)
}

// listens reports whether there is a UDP socket with a port.
func listens(port uint16) bool {
	suffix := fmt.Sprintf(":%04X", port)
	is := func(f []string) bool { return len(f) > 1 && strings.HasSuffix(f[1], suffix) }
	return anyLine("/proc/net/udp", is) || anyLine("/proc/net/udp6", is)
}

// reads reports whether an NFLOG group has a reader. The list is root's to read.
func reads(group uint16) bool {
	return anyLine("/proc/net/netfilter/nfnetlink_log", func(f []string) bool { return len(f) > 0 && f[0] == fmt.Sprint(group) })
}

// anyLine reports whether the words of a line of a file are as wanted.
func anyLine(path string, is func(words []string) bool) bool {
	text, _ := os.ReadFile(path)
	for line := range bytes.Lines(text) {
		if is(strings.Fields(string(line))) {
			return true
		}
	}
	return false
}

// connected reads the clients that QubesDB lists.
func connected(socket string) (list []netip.Addr) {
	text := strings.Join(qubesdb.Values(socket, "/connected-ips", "/connected-ips6"), " ")
	for _, word := range strings.Fields(text) {
		if a, err := netip.ParseAddr(word); err == nil {
			list = append(list, a)
		}
	}
	return list
}
