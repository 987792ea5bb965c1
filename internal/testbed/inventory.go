//go:build linux

package testbed

import (
	"crypto/sha1"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// templateName is the template of every AppVM of the testbed.
const templateName = "debian-12-minimal"

// Inventory returns the present network as dom0 prints it:
//
//	qvm-ls --raw-data --fields NAME,CLASS,STATE,LABEL,NETVM,IP,IP6,TEMPLATE,PROVIDES_NETWORK,XID,UUID
//
// with dom0, the template, sys-net and sys-log, sorted by name as qvm-ls does.
func (n *Network) Inventory() string {
	lines := []string{
		"dom0|AdminVM|Running|black|-|-|-|-|-|-|00000000-0000-0000-0000-000000000000",
		templateName + "|TemplateVM|Halted|black|-|-|-|-|False|-1|" + uuidOf(templateName),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.qubes {
		lines = append(lines, q.inventoryLine())
	}
	slices.SortFunc(lines, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "|")
		nameB, _, _ := strings.Cut(b, "|")
		return strings.Compare(nameA, nameB)
	})
	return strings.Join(lines, "\n") + "\n"
}

// WriteInventory writes the inventory to a file, which is replaced at once as
// dom0's push does.
func (n *Network) WriteInventory(path string) {
	n.tb.Helper()
	f, err := os.CreateTemp(filepath.Dir(path), ".inventory-*")
	n.must(err)
	_, err = f.WriteString(n.Inventory())
	n.must(err)
	n.must(f.Close())
	n.must(os.Rename(f.Name(), path))
}

func (q *Qube) inventoryLine() string {
	state, xid, netvm, template, provides := "Running", fmt.Sprint(q.DomID), "-", templateName, "False"
	if !q.running {
		state, xid = "Halted", "-1"
	}
	if q.netvm != nil {
		netvm = q.netvm.Name
	}
	if q.Class == "DispVM" {
		template = "default-dvm"
	}
	if q.ProvidesNetwork {
		provides = "True"
	}
	return strings.Join([]string{
		q.Name, q.Class, state, q.Label, netvm, addrOrDash(q.IP), addrOrDash(q.IP6), template, provides, xid, uuidOf(q.Name),
	}, "|")
}

// addrOrDash writes an address as qvm-ls does.
func addrOrDash(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// uuidOf returns a UUID, version 5 in form, that a qube of this name always
// has.
func uuidOf(name string) string {
	u := sha1.Sum([]byte("qubesbeat testbed " + name))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
