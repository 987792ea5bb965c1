//go:build linux

package packages_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// pkg returns the package of a kind, which mage has built.
func pkg(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob("../../build/" + pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("build/%s: %v, %v; want one: go tool mage packages", pattern, files, err)
	}
	path, err := filepath.Abs(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDeb installs, starts and removes the deb.
func TestDeb(t *testing.T) {
	m := newMachine(t)
	run(t, time.Minute, "cp", pkg(t, "*.deb"), m.root+"/root/q.deb")
	m.chroot(t, "dpkg", "-i", "/root/q.deb")
	m.check(t)
	m.in(t, "dpkg", "-r", "qubesbeat")
	m.removed(t)
}

// TestRPM does the same with the rpm, by the rpm program of this machine: the root
// is Debian's all the same.
func TestRPM(t *testing.T) {
	m := newMachine(t)
	run(t, time.Minute, "rpm", "--root", m.root, "--initdb")
	run(t, time.Minute, "unshare", "-n", "rpm", "--root", m.root, "--nodeps", "--install", pkg(t, "qubesbeat-[0-9]*.rpm"))
	m.check(t)
	run(t, time.Minute, "rpm", "--root", m.root, "--nodeps", "--erase", "qubesbeat") // outside: its rules stay until the next boot
	if _, err := os.Lstat(m.root + "/usr/bin/qubesbeat"); err == nil {
		t.Error("the package leaves /usr/bin/qubesbeat")
	}
}

// TestDom0 installs and removes the rpm for dom0. It starts nothing, and has no script
// that dom0 would run.
func TestDom0(t *testing.T) {
	if os.Getenv("QUBESBEAT_PACKAGES") != "1" {
		t.Skip("needs root, rpm and the packages: go tool mage testPackages")
	}
	file, root := pkg(t, "qubesbeat-dom0-*.noarch.rpm"), t.TempDir()
	const format = "[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]"
	want := `-rw-rw-r-- root:qubes /etc/qubes/policy.d/30-qubesbeat.policy
-rwxr-xr-x root:root /usr/bin/qubesbeat-inventory
-rwxr-xr-x root:root /usr/bin/qubesbeat-probe
-rw-r--r-- root:root /usr/lib/systemd/system/qubesbeat-inventory.service
-rw-r--r-- root:root /usr/share/licenses/qubesbeat-dom0/LICENSE
-rw-r--r-- root:root /usr/share/licenses/qubesbeat-dom0/NOTICE
`
	if got := run(t, time.Minute, "rpm", "--query", "--package", "--queryformat", format, file); got != want {
		t.Errorf("files:\n%s\nwant\n%s", got, want)
	}
	if got := run(t, time.Minute, "rpm", "--query", "--package", "--scripts", "--triggers", file); got != "" {
		t.Errorf("the package has scripts:\n%s", got)
	}
	run(t, time.Minute, "rpm", "--root", root, "--initdb")
	run(t, time.Minute, "unshare", "-n", "rpm", "--root", root, "--nodeps", "--install", file)
	for _, program := range []string{"qubesbeat-inventory", "qubesbeat-probe"} {
		if out := run(t, time.Minute, root+"/usr/bin/"+program, "--help"); !strings.Contains(out, "Runs in dom0.") {
			t.Errorf("%s --help:\n%s", program, out)
		}
	}
	run(t, time.Minute, "rpm", "--root", root, "--nodeps", "--erase", "qubesbeat-dom0")
	if left, _ := filepath.Glob(root + "/usr/bin/*"); len(left) > 0 {
		t.Errorf("the package leaves %q", left)
	}
}

// check starts what was installed, as a template and as sys-log.
func (m *machine) check(t *testing.T) {
	t.Helper()
	m.files(t)
	m.boot(t)
	if out, _ := m.try("systemctl", "show", "-p", "ActiveState", "-p", "ConditionResult", "-p", "UnitFileState", "qubesbeat"); !strings.Contains(out, "ActiveState=inactive") ||
		!strings.Contains(out, "ConditionResult=no") || !strings.Contains(out, "UnitFileState=enabled") {
		t.Errorf("in a template, without qvm-service:\n%s", out)
	}
	m.becomeNetVM(t)
	m.in(t, "systemctl", "start", "qubesbeat")
	m.ready(t)
	m.privileges(t)
	m.firewallRestarts(t)
	m.push(t)
	m.announce(t)
	m.traffic(t)
	m.archive(t)
	m.in(t, "systemctl", "stop", "qubesbeat")
	m.events(t)
	m.score(t)
}

// files checks the owners of files.
func (m *machine) files(t *testing.T) {
	t.Helper()
	got := m.chroot(t, "stat", "-c", "%A %U:%G %n", "/etc/qubesbeat/qubesbeat.yml", "/var/lib/qubesbeat", "/usr/bin/qubesbeat",
		"/usr/share/qubesbeat/bin/qubesbeat", "/etc/qubes/qubes-firewall.d/50-qubesbeat", "/etc/qubes-rpc/qubesbeat.Inventory", "/etc/qubes-rpc/qubesbeat.Verify", "/etc/qubes-rpc/qubesbeat.Archive", "/usr/lib/qubes-bind-dirs.d/30_qubesbeat.conf")
	want := `-rw-r----- root:qubesbeat /etc/qubesbeat/qubesbeat.yml
drwx------ qubesbeat:qubesbeat /var/lib/qubesbeat
-rwxr-xr-x root:root /usr/bin/qubesbeat
-rwxr-xr-x root:root /usr/share/qubesbeat/bin/qubesbeat
-rwxr-xr-x root:root /etc/qubes/qubes-firewall.d/50-qubesbeat
lrwxrwxrwx root:root /etc/qubes-rpc/qubesbeat.Inventory
lrwxrwxrwx root:root /etc/qubes-rpc/qubesbeat.Verify
-rwxr-xr-x root:root /etc/qubes-rpc/qubesbeat.Archive
-rw-r--r-- root:root /usr/lib/qubes-bind-dirs.d/30_qubesbeat.conf
`
	if got != want {
		t.Errorf("files:\n%s\nwant\n%s", got, want)
	}
}

// becomeNetVM gives the machine what dom0 and Qubes' scripts give sys-log: the
// service, the rules, a client on a vif.
func (m *machine) becomeNetVM(t *testing.T) {
	t.Helper()
	rules, err := os.ReadFile("../../internal/testbed/qubes.nft")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.root+"/root/qubes.nft", rules, 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(m.root + "/etc/qubesbeat/qubesbeat.yml")
	if err != nil {
		t.Fatal(err)
	}
	// The user's own file, with the analyzers, whose process has limits of its own.
	own := strings.Replace(string(conf), "  #protocols:\n  #  - {type: http", "  protocols:\n    - {type: http", 1)
	own = strings.Replace(own, "  #verify: {enabled", "  verify: {enabled", 1)
	if err := os.MkdirAll(m.root+"/rw/config/qubesbeat", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.root+"/rw/config/qubesbeat/qubesbeat.yml", []byte(own), 0o644); err != nil {
		t.Fatal(err)
	}
	m.in(t, "sh", "-ec", `
		mkdir -p /run/qubes-service /run/netns; touch /run/qubes-service/qubesbeat
		nft -f /root/qubes.nft
		ip netns add work
		ip link add vif4.0 type veth peer name eth0 netns work
		ip link set vif4.0 group 2 up; ip addr add 10.137.0.5/32 dev vif4.0; ip route add 10.137.0.6 dev vif4.0
		nft 'add element ip qubes allowed { "vif4.0" . 10.137.0.6 }; add element ip qubes downstream { 10.137.0.6 }'
		ip -n work addr add 10.137.0.6/32 dev eth0; ip -n work link set eth0 up; ip -n work route add default dev eth0`)
}

// ready checks that systemd has waited for the beat: the unit is active because the beat
// has said so, and by then it captures, reads verdicts and serves DNS.
func (m *machine) ready(t *testing.T) {
	t.Helper()
	if out := m.in(t, "systemctl", "show", "-p", "Type", "-p", "ActiveState", "qubesbeat"); out != "Type=notify\nActiveState=active\n" {
		t.Errorf("after the start:\n%s", out)
	}
	if out, err := m.try("qubesbeat", "qubes", "status"); !strings.Contains(out, "NFLOG group 53 is read") || !strings.Contains(out, "is served") {
		t.Fatalf("the beat is not up when it is ready: %v\n%s\n%s", err, out, m.in(t, "journalctl", "-u", "qubesbeat", "--no-pager"))
	}
}

// firewallRestarts does what a restart of qubes-iptables and qubes-firewall does: the
// rules are gone, and the scripts run. With a configuration that has a fault, too, DNS
// does not go past the beat.
func (m *machine) firewallRestarts(t *testing.T) {
	t.Helper()
	const script, own = "/etc/qubes/qubes-firewall.d/50-qubesbeat", "/rw/config/qubesbeat/qubesbeat.yml"
	m.in(t, "sh", "-ec", "nft delete table inet qubesbeat; nft flush chain ip qubes custom-input; "+script)
	if out := m.in(t, "qubesbeat", "qubes", "plan"); !strings.Contains(out, "nothing to do") {
		t.Errorf("after a restart of the firewall:\n%s", out)
	}
	m.in(t, "sh", "-ec", "qubesbeat qubes undo; cp "+own+" /root/own; echo 'qubesbeat: {flws: 1}' > "+own+"; "+script)
	if rules := m.in(t, "nft", "list", "chain", "ip", "qubes", "custom-qubesbeat-dns"); !strings.Contains(rules, "redirect to :5353") {
		t.Errorf("with a faulty configuration:\n%s", rules)
	}
	m.in(t, "sh", "-ec", "cp /root/own "+own+"; qubesbeat test config; "+script)
}

// push is dom0's push of an inventory.
func (m *machine) push(t *testing.T) {
	t.Helper()
	m.call(t, "qubesbeat.Inventory", `{"version": 1, "qubes": [{"name": "work", "label": "blue", "ip": "10.137.0.6", "xid": 4, "netvm": "sys-log"}]}`)
}

// announce is dom0's announcement of canaries, for which the rules are there.
func (m *machine) announce(t *testing.T) {
	t.Helper()
	m.call(t, "qubesbeat.Verify", `{"version": 1, "kind": "tunnel", "via": "work", "nonce": "c71f900102030405", "sizes": [411], "ttl": 1, "seconds": 30}`)
	m.call(t, "qubesbeat.Verify", `{"version": 1, "kind": "sent", "nonce": "0120030405060708"}`)
	log := m.in(t, "journalctl", "-u", "qubesbeat", "--no-pager")
	if strings.Count(log, "an announcement of canaries was refused") != 1 || !strings.Contains(log, "no probe with this nonce runs") {
		t.Errorf("after a good announcement and one that canaries were sent that are not known:\n%s", log)
	}
	if rules := m.in(t, "nft", "list", "table", "inet", "qubesbeat-sink"); !strings.Contains(rules, "192.0.2.0/24 counter") {
		t.Errorf("the sink:\n%s", rules)
	}
}

// call is a call of dom0, through the link in /etc/qubes-rpc, until it is served.
func (m *machine) call(t *testing.T, service, text string) {
	t.Helper()
	target, err := os.Readlink(m.root + "/etc/qubes-rpc/" + service)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", filepath.Join("/proc", itoa(m.pid), "root", target))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(service + "+ dom0\x00" + text))
	_ = conn.(*net.UnixConn).CloseWrite()
	_, _ = conn.Read(make([]byte, 1))
}

// traffic lets the client ping sys-log, and try what it may not.
func (m *machine) traffic(t *testing.T) {
	t.Helper()
	m.in(t, "ip", "netns", "exec", "work", "ping", "-c", "3", "-i", "0.2", "10.137.0.5")
	_, _ = m.try("ip", "netns", "exec", "work", "bash", "-c", "echo > /dev/tcp/10.137.0.5/22")
	time.Sleep(time.Second) // by then the attempt cannot pass any more
}

var exposure = regexp.MustCompile(`exposure level[^:\n]*: ([0-9.]+)`)

// score checks that the documentation has the score of systemd-analyze.
func (m *machine) score(t *testing.T) {
	t.Helper()
	out := m.in(t, "systemd-analyze", "security", "--no-pager", "qubesbeat.service")
	got := exposure.FindStringSubmatch(out)
	doc, err := os.ReadFile("../../docs/security.md")
	if err != nil || got == nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := exposure.FindStringSubmatch(string(doc))
	if want == nil || want[1] != got[1] {
		t.Errorf("systemd-analyze says %v, docs/security.md %v", got[1], want)
	}
}
