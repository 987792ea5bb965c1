package dom0_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A world is the machine of the fake qubesd. It is safe for concurrent use.
type world struct {
	mu      sync.Mutex
	release string
	answers map[string][]byte // of the real qubesd about its properties, by qube
	qubes   map[string]*row
	tags    map[string][]string
	// settings are properties of the whole machine, dispvms those default_dispvm that
	// are not default-dvm.
	settings, dispvms map[string]string
}

// newWorld is the machine of the fixtures.
func newWorld(t testing.TB, release string) *world {
	t.Helper()
	w := &world{release: release, answers: map[string][]byte{}, qubes: rows(t, release), tags: map[string][]string{}, dispvms: map[string]string{},
		settings: map[string]string{"clockvm": "sys-net", "default_netvm": "sys-log", "updatevm": "sys-net"}}
	for name := range w.qubes {
		w.tags[name] = []string{"audiovm-dom0", "created-by-dom0", "guivm-dom0"}
	}
	w.tags["work"] = lines(printed(t, release, "api-admin.vm.tag.List@work.bin"))
	for _, name := range []string{"work", "disp1234", "debian-12-minimal", "dom0", "remote-box"} {
		if w.qubes[name] != nil {
			w.answers[name] = printed(t, release, "api-admin.vm.property.GetAll@"+name+".bin")
		}
	}
	return w
}

// lines returns the lines of an answer.
func lines(answer []byte) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(answer), "0\x00"), "\n"), "\n")
}

// answerTo returns the answer to METHOD+ARG about a qube.
func (w *world) answerTo(method, name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.qubes[name]
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

func (w *world) list() (text string) {
	names := slices.Sorted(maps.Keys(w.qubes))
	first := slices.Index(names, "dom0")
	names = append([]string{"dom0"}, slices.Delete(names, first, first+1)...)
	for _, name := range names {
		q := w.qubes[name]
		text += fmt.Sprintf("%s class=%s state=%s", q.name, q.class, q.state)
		if w.release != "r4.2" {
			text += " uuid=" + q.uuid
		}
		text += "\n"
	}
	return text
}

// globals writes the properties of the machine as qubesd does (qubes-core-admin,
// qubes/api/admin.py, property_get_all).
func (w *world) globals() (text string) {
	for _, name := range slices.Sorted(maps.Keys(w.settings)) {
		text += name + " default=False type=vm " + w.settings[name] + "\n"
	}
	return text
}

// properties writes a qube over the real answer about it, or about one like it.
func (w *world) properties(q *row) (text string) {
	like := w.answers[q.name]
	if like == nil {
		like = w.answers[map[string]string{"DispVM": "disp1234", "TemplateVM": "debian-12-minimal", "RemoteVM": "remote-box"}[q.class]]
	}
	if like == nil {
		like = w.answers["work"]
	}
	values := w.values(q)
	for _, line := range lines(like) {
		words := strings.SplitN(line, " ", 4) // name default=True type=str value
		if value, known := values[words[0]]; known {
			words[3] = value
		}
		if words[0] != "template" || q.class != "StandaloneVM" {
			text += strings.Join(words, " ") + "\n"
		}
	}
	return text
}
