package dom0

import (
	"fmt"
	"strconv"
	"strings"
)

// A Qube is a qube as qvm-ls prints it, with "" for "-".
type Qube struct {
	Name, Class, State, Label, NetVM, IP, IP6, Template string
	Provides                                            string // network: "True" or "False"
	XID, UUID                                           string
}

// networked says whether a qube has addresses (qubes-core-admin, qubes/vm/mix/net.py, is_networked).
func (q *Qube) networked() bool {
	return q.NetVM != "" || q.Provides == "True"
}

// LeadsThrough reports whether the chain of netvms of a qube leads through another.
func LeadsThrough(qubes map[string]*Qube, name, logging string) bool {
	for range len(qubes) {
		q := qubes[name]
		if q == nil || q.NetVM == "" {
			return false
		}
		if q.NetVM == logging {
			return true
		}
		name = q.NetVM
	}
	return false
}

// Disposable makes a disposable as one is made from default-dvm. Its name must be disp and
// a number.
func Disposable(name string) *Qube {
	id, err := strconv.Atoi(strings.TrimPrefix(name, "disp"))
	if err != nil {
		panic("dom0: no disposable: " + name)
	}
	return &Qube{
		Name: name, Class: "DispVM", State: "Halted", Label: "red", NetVM: "sys-log", Template: "default-dvm",
		Provides: "False", XID: "-1", UUID: fmt.Sprintf("d15b0000-0000-4000-8000-%012d", id),
		IP: disposableIP(id), IP6: fmt.Sprintf("fd09:24ef:4179::a8a:%x", id),
	}
}

// disposableIP is vmid_to_ipv4 of qubes-core-admin 4.2 and later, qubes/vm/mix/net.py.
func disposableIP(id int) string {
	if id < 255 {
		return fmt.Sprintf("10.138.0.%d", id)
	}
	return fmt.Sprintf("10.138.%d.%d", (id-1)/254, (id-1)%254+1)
}
