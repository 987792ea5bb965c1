package dom0

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A World is the machine of the fake qubesd. Its methods are safe for concurrent use; its
// fields are read and written in [World.Change], or while nothing else happens.
type World struct {
	mu      sync.Mutex
	release string
	answers map[string][]byte // of the real qubesd about its properties, by qube
	tags    map[string][]string

	// Qubes are all qubes with dom0, by name.
	Qubes map[string]*Qube
	// Settings are properties of the whole machine, DispVMs those default_dispvm that
	// are not default-dvm.
	Settings, DispVMs map[string]string
}

// NewWorld is the machine of the fixtures.
func NewWorld(t testing.TB, release string) *World {
	t.Helper()
	w := &World{release: release, answers: map[string][]byte{}, Qubes: Qubes(t, release), tags: map[string][]string{}, DispVMs: map[string]string{},
		Settings: map[string]string{"clockvm": "sys-net", "default_netvm": "sys-log", "updatevm": "sys-net"}}
	for name := range w.Qubes {
		w.tags[name] = []string{"audiovm-dom0", "created-by-dom0", "guivm-dom0"}
	}
	w.tags["work"] = lines(Printed(t, release, "api-admin.vm.tag.List@work.bin"))
	for _, name := range []string{"work", "disp1234", "debian-12-minimal", "dom0", "remote-box"} {
		if w.Qubes[name] != nil {
			w.answers[name] = Printed(t, release, "api-admin.vm.property.GetAll@"+name+".bin")
		}
	}
	return w
}

// NewWorldOf is a machine of these qubes and dom0. It has no answers of a real qubesd.
func NewWorldOf(qubes ...Qube) *World {
	w := &World{release: "r4.3", Qubes: map[string]*Qube{"dom0": {Name: "dom0", Class: "AdminVM", State: "Running"}}, tags: map[string][]string{}}
	for i := range qubes {
		w.Qubes[qubes[i].Name] = &qubes[i]
	}
	return w
}

// AnswerTo returns the answer to METHOD+ARG about a qube.
func (w *World) AnswerTo(method, name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.Qubes[name]
	switch {
	case q == nil:
		return "2\x00QubesVMNotFoundError\x00\x00No such domain: '" + name + "'\x00"
	case method == "admin.vm.List+" && name == "dom0":
		return "0\x00" + w.list()
	case method == "admin.property.GetAll+" && name == "dom0":
		return "0\x00" + w.globals()
	case method == "admin.vm.property.GetAll+":
		return "0\x00" + w.properties(q)
	case method == "admin.vm.tag.List+":
		return "0\x00" + strings.Join(w.tags[name], "\n") + "\n"
	}
	return "" // as for what no policy allows
}

func (w *World) list() (text string) {
	names := slices.Sorted(maps.Keys(w.Qubes))
	first := slices.Index(names, "dom0")
	names = append([]string{"dom0"}, slices.Delete(names, first, first+1)...)
	for _, name := range names {
		q := w.Qubes[name]
		text += fmt.Sprintf("%s class=%s state=%s", q.Name, q.Class, q.State)
		if w.release != "r4.2" {
			text += " uuid=" + q.UUID
		}
		text += "\n"
	}
	return text
}

// globals writes the properties of the machine as qubesd does (qubes-core-admin,
// qubes/api/admin.py, property_get_all).
func (w *World) globals() (text string) {
	for _, name := range slices.Sorted(maps.Keys(w.Settings)) {
		text += name + " default=False type=vm " + w.Settings[name] + "\n"
	}
	return text
}

// properties writes a qube over the real answer about it, or about one like it.
func (w *World) properties(q *Qube) (text string) {
	like := w.answers[q.Name]
	if like == nil {
		like = w.answers[map[string]string{"DispVM": "disp1234", "TemplateVM": "debian-12-minimal", "RemoteVM": "remote-box"}[q.Class]]
	}
	if like == nil {
		like = w.answers["work"]
	}
	if like == nil {
		return w.made(q)
	}
	values := w.values(q)
	for _, line := range lines(like) {
		words := strings.SplitN(line, " ", 4) // name default=True type=str value
		if value, known := values[words[0]]; known {
			words[3] = value
		}
		if words[0] != "template" || q.Class != "StandaloneVM" {
			text += strings.Join(words, " ") + "\n"
		}
	}
	return text
}

// Change changes the world at once.
func (w *World) Change(f func(qubes map[string]*Qube)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.Qubes)
}

// Tag gives tags to a qube.
func (w *World) Tag(name string, tags ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tags[name] = append(w.tags[name], tags...)
}
