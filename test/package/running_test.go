//go:build linux

package packages_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

func itoa(n int) string { return strconv.Itoa(n) }

// privileges checks that both processes run as the user and behind the filters, the
// beat with exactly the capabilities that it needs all the time, the one of the analyzers with none.
func (m *machine) privileges(t *testing.T) {
	t.Helper()
	uid := strings.TrimSpace(m.in(t, "id", "-u", "qubesbeat"))
	pids := strings.Fields(m.in(t, "cat", "/sys/fs/cgroup/system.slice/qubesbeat.service/cgroup.procs"))
	if len(pids) != 2 {
		t.Errorf("%d processes; want the beat and its analyzers", len(pids))
	}
	for i, pid := range pids {
		held := []string{kept, "0000000000000000"}[min(i, 1)]
		status := m.in(t, "cat", "/proc/"+pid+"/status")
		for key, want := range map[string]string{"Uid": uid + "\t" + uid + "\t" + uid + "\t" + uid, "CapEff": held, "CapPrm": held, "CapAmb": held, "CapBnd": listed,
			"NoNewPrivs": "1", "Seccomp": "2"} {
			if got := field(status, key); got != want {
				t.Errorf("process %s has %s %q; want %q", pid, key, got, want)
			}
		}
	}
}

// Capabilities: CAP_NET_ADMIN (12) and CAP_NET_RAW (13), which the beat has; with CAP_BPF
// (39), which it has given up, what the unit lists.
const (
	kept   = "0000000000003000"
	listed = "0000008000003000"
)

func field(status, key string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, key+":\t"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// events checks that there are events about the traffic, with the name of the qube.
func (m *machine) events(t *testing.T) {
	t.Helper()
	files, _ := filepath.Glob(m.root + "/var/lib/qubesbeat/events/*")
	have := map[string]int{}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
			var e struct {
				Event struct{ Dataset string }
				Qube  struct{ Name, Label string }
			}
			if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
				t.Error(err)
			}
			have[e.Event.Dataset+" "+e.Qube.Name+" "+e.Qube.Label]++
		}
	}
	if have["flow work blue"] == 0 || have["qubesbeat.firewall work blue"] == 0 || have["qubesbeat.stats  "] == 0 {
		t.Errorf("events: %v\n%s", have, m.in(t, "journalctl", "-u", "qubesbeat", "--no-pager"))
	}
}

// qrexec is a call to the service of another qube, which is the same one here.
const qrexec = `#!/bin/sh
[ "$*" = "@default qubesbeat.Archive" ] || exit 126
QREXEC_REMOTE_DOMAIN=sys-log HOME=/var/lib/qubesbeat/vault exec /etc/qubes-rpc/qubesbeat.Archive
`

// archive has the unit complete the file in use and archive it.
func (m *machine) archive(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(m.root+"/usr/bin/qrexec-client-vm", []byte(qrexec), 0o755); err != nil {
		t.Fatal(err)
	}
	m.in(t, "sh", "-ec", "getent group qubes || groupadd qubes; touch /run/qubes-service/qubesbeat-archive")
	poll.Until(t, "there are events", func() bool {
		info, err := os.Stat(m.root + "/var/lib/qubesbeat/events/events.ndjson")
		return err == nil && info.Size() > 0
	})
	_, _ = m.try("systemctl", "start", "qubesbeat-archive")
	log := m.in(t, "journalctl", "-u", "qubesbeat-archive", "--no-pager")
	out, _ := m.try("qubesbeat", "archive", "verify", "--dir", "/var/lib/qubesbeat/vault/qubesbeat-archive")
	if !regexp.MustCompile(`(?m)^sys-log +1 +[1-9]`).MatchString(out) || !strings.Contains(log, "1 files archived") {
		t.Errorf("the archive has\n%s\nafter\n%s", out, log)
	}
	if out, _ := m.try("systemctl", "is-enabled", "qubesbeat-archive.timer"); out != "enabled\n" {
		t.Errorf("the timer is %s", out)
	}
}

// removed checks that no rule and no unit remains.
func (m *machine) removed(t *testing.T) {
	t.Helper()
	if rules := m.in(t, "nft", "list", "ruleset"); strings.Contains(rules, "qubesbeat") {
		t.Errorf("the package leaves rules:\n%s", rules)
	}
	if out, _ := m.try("systemctl", "is-active", "qubesbeat"); strings.TrimSpace(out) == "active" {
		t.Error("the package leaves a service that runs")
	}
}
