//go:build linux

package verdicts_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// TestErrors does without rules of our own: the ICMP errors that the capture sees on
// the vifs reveal rejections, if not all of them.
func TestErrors(t *testing.T) {
	h := newHome(t, section)
	connect(t, h.work, testbed.WebAddr+":8443", time.Second)
	connect(t, h.disp, "10.137.0.5:22", time.Second)
	datagrams(t, h.banking, 60, false, testbed.DNSAddr+":9998")
	h.settle(t)
	events := h.beat.Stop(t)
	for name, want := range map[string]beat.Event{
		"qvm-firewall": {"qube.name": "work", "destination.port": 8443, "firewall.point": "qvm-firewall", "firewall.source": "icmp_error", "firewall.count": 1},
		"input":        {"qube.name": "disp1234", "destination.port": 22, "firewall.point": "input", "firewall.source": "icmp_error"},
		"of many":      {"qube.name": "banking", "destination.port": 9998, "firewall.point": "qvm-firewall"},
	} {
		if len(events.Where(want)) == 0 {
			t.Errorf("%s: no event %v", name, want)
		}
	}
}

// TestLogFiles reads the lines of rules of the user, from a text log and from an
// export of journald that grow while the beat runs.
func TestLogFiles(t *testing.T) {
	dir := t.TempDir()
	text, journal := filepath.Join(dir, "kern.log"), filepath.Join(dir, "journal.json")
	h := newHome(t, `
  interfaces.device: ["vif*"]
  inventory.file: HOME/inventory
  firewall: {enabled: true, log_files: ["`+text+`", "`+journal+`"]}
`)
	const packet = "IN=vif4.0 OUT=vif5.0 MAC=fe:ff:ff:ff:ff:ff:00:16:3e:5e:6c:00:08:00 SRC=10.137.0.6 DST=10.137.0.7 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=45678 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0 "
	appendTo(t, text, "Nov 22 05:25:27 sys-log kernel: [ 12.5] QUBES DROP: "+packet+"\nNov 22 05:25:27 sys-log kernel: usb 1-1: new device\n")
	appendTo(t, text, "Nov 22 05:25:28 sys-log kernel: [ 13.5] QUBES DROP: "+packet+"\n")
	appendTo(t, journal, `{"MESSAGE":"other rule IN=vif5.0 OUT=eth0 SRC=10.137.0.7 DST=198.51.100.7 LEN=30 PROTO=UDP SPT=9 DPT=10 LEN=10 ","__REALTIME_TIMESTAMP":"1795325127123456","_TRANSPORT":"kernel"}`+"\n")
	h.settle(t)
	events := h.beat.Stop(t)
	for name, want := range map[string]beat.Event{
		"text":    {"rule.name": "QUBES DROP:", "source.qube.name": "work", "destination.qube.name": "banking", "firewall.count": 2, "firewall.point": "user", "firewall.source": "log_file"},
		"journal": {"rule.name": "other rule", "source.qube.name": "banking", "@timestamp": "2026-11-22T05:25:27.123Z"},
	} {
		if len(events.Where(want)) != 1 {
			t.Errorf("%s: %d events %v\n%v", name, len(events.Where(want)), want, events.Where(beat.Event{"event.dataset": "qubesbeat.firewall"}))
		}
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestKernelLog reads /dev/kmsg, where the kernel lets rules of a namespace write to
// it.
func TestKernelLog(t *testing.T) {
	const all = "/proc/sys/net/netfilter/nf_log_all_netns"
	was, err := os.ReadFile(all)
	if err == nil {
		err = os.WriteFile(all, []byte("1"), 0)
	}
	if err != nil {
		t.Skipf("needs root and nf_log_all_netns: %v", err)
	}
	t.Cleanup(func() { _ = os.WriteFile(all, was, 0) })
	h := newHome(t, section+"\n  firewall.kernel_log: true\n")
	if err := h.Log.Nft(`add rule ip qubes custom-forward ip saddr 10.138.4.218 tcp dport 4444 log prefix "MY DROP: " drop`); err != nil {
		t.Skipf("no log rules here: %v", err)
	}
	h.qubes(t, "apply")
	connect(t, h.disp, testbed.WebAddr+":4444", 300*time.Millisecond)
	h.settle(t)
	got := h.beat.Stop(t).Where(beat.Event{"qube.name": "disp1234", "destination.port": 4444})
	verdicts := got.Where(beat.Event{"event.dataset": "qubesbeat.firewall", "rule.name": "MY DROP:", "firewall.point": "user", "firewall.count": 1})
	if len(verdicts) != 1 {
		t.Errorf("verdicts: %v\n%s", got, h.beat.Log())
	}
}
