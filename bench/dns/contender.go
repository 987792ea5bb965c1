package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// setup is what every contender is given.
type setup struct {
	dir      string
	upstream string
	blocked  []string // names
	program  string   // qubesbeat
	before   string   // an earlier one, "" for none
	only     string   // names of contenders, separated by commas; "" for all
	blocky   string   // "" where it could not be built
}

// contender is a program that answers.
type contender struct {
	name string
	// command writes its configuration into a folder and returns how to start it.
	command func(s *setup, dir, port string) ([]string, error)
}

// process is a contender that runs.
type process struct {
	cmd  *exec.Cmd
	port string
	dir  string
}

func contenders(s *setup) []contender {
	const noLog, noOutput = "log: {enabled: false}", "output.discard: {}"
	const log, toFile = "log: {enabled: true}", "output.file: {path: DIR/out, filename: events, rotate_every_kb: 1048576}"
	list := []contender{
		{"qubesbeat", beat(s.program, noLog, noOutput)},
		{"qubesbeat-log", beat(s.program, log, toFile)},
		{"qubesbeat-tsv", beat(s.program, noLog+"\n    tsv: {dir: DIR}", noOutput)},
		{"qubesbeat-stalled", beat(s.program, log, "output.redis: {hosts: [\"127.0.0.1:BLACKHOLE\"], timeout: 600s}\nqueue.mem: {events: 64, flush.min_events: 32}\nqubesbeat.shutdown_timeout: 1s")},
		{"dnsmasq", dnsmasq}, {"unbound", unbound},
	}
	if s.blocky != "" {
		list = append(list, contender{"blocky", blocky("none")}, contender{"blocky-log", blocky("csv-client")})
	}
	if s.before != "" {
		list = append(list, contender{"before", beat(s.before, noLog, noOutput)}, contender{"before-log", beat(s.before, log, toFile)})
	}
	if s.only == "" {
		return list
	}
	return slices.DeleteFunc(list, func(c contender) bool { return !slices.Contains(strings.Split(s.only, ","), c.name) })
}

func write(dir, name, text string) string {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		panic(err) // a folder of our own
	}
	return path
}

func beat(program, log, output string) func(*setup, string, string) ([]string, error) {
	return func(s *setup, dir, port string) ([]string, error) {
		list := write(dir, "list.txt", strings.Join(s.blocked, "\n")+"\n")
		text := fmt.Sprintf("qubesbeat:\n  flows.enabled: false\n  resolver:\n    listen: [\"127.0.0.1:%s\"]\n    socket: %s/s\n    upstreams: {default: [\"udp://%s\"]}\n"+
			"    lists: {ads: {deny: [%s]}}\n    limits: {queries_per_second_per_qube: 0, in_flight_per_qube: 400}\n    cache: {prefetch: false}\n    %s\n%s\n", port, dir, s.upstream, list, log, output)
		text = strings.NewReplacer("DIR", dir, "BLACKHOLE", blackhole()).Replace(text)
		conf := write(dir, "beat.yml", text)
		return []string{program, "-c", conf, "--path.home", dir, "--strict.perms=false"}, nil
	}
}

// blackhole returns the port of a server that takes connections and says nothing,
// for as long as this program runs.
func blackhole() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "9"
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func dnsmasq(s *setup, dir, port string) ([]string, error) {
	var b strings.Builder
	host, up, _ := net.SplitHostPort(s.upstream)
	fmt.Fprintf(&b, "port=%s\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nserver=%s#%s\ncache-size=10000\ndns-forward-max=1000\nuser=root\npid-file=\n", port, host, up)
	for _, n := range s.blocked {
		fmt.Fprintf(&b, "address=/%s/0.0.0.0\n", n)
	}
	return []string{"dnsmasq", "-k", "-C", write(dir, "dnsmasq.conf", b.String())}, nil
}

func unbound(s *setup, dir, port string) ([]string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "server:\n port: %s\n interface: 127.0.0.1\n do-daemonize: no\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: %s/log\n"+
		" num-threads: 1\n module-config: \"iterator\"\n do-not-query-localhost: no\n access-control: 127.0.0.0/8 allow\n so-rcvbuf: 4m\n minimal-responses: yes\n", port, dir)
	for _, n := range s.blocked {
		fmt.Fprintf(&b, " local-zone: \"%s.\" redirect\n local-data: \"%s. A 0.0.0.0\"\n", n, n)
	}
	fmt.Fprintf(&b, "remote-control:\n control-enable: no\nforward-zone:\n name: \".\"\n forward-addr: %s\n", strings.Replace(s.upstream, ":", "@", 1))
	return []string{"unbound", "-d", "-c", write(dir, "unbound.conf", b.String())}, nil
}

func blocky(log string) func(*setup, string, string) ([]string, error) {
	return func(s *setup, dir, port string) ([]string, error) {
		list := write(dir, "list.txt", strings.Join(s.blocked, "\n")+"\n")
		text := fmt.Sprintf("upstreams: {init: {strategy: fast}, groups: {default: [\"%s\"]}}\nblocking: {denylists: {ads: [%s]}, clientGroupsBlock: {default: [ads]}}\n"+
			"queryLog: {type: %s, target: %s}\nports: {dns: \"127.0.0.1:%s\"}\nlog: {level: error}\n", s.upstream, list, log, dir, port)
		return []string{s.blocky, "serve", "--config", write(dir, "blocky.yml", text)}, nil
	}
}

// start starts a contender on one core and waits until it answers.
func start(s *setup, c contender, core string) (*process, error) {
	dir, err := os.MkdirTemp(s.dir, c.name)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	args, err := c.command(s, dir, port)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("taskset", append([]string{"-c", core}, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		return nil, err
	}
	cmd.Stderr, cmd.Stdout = stderr, stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	_ = stderr.Close()
	p := &process{cmd: cmd, port: port, dir: dir}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if p.answers("ready.example.org") != "" {
			return p, nil
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, "stderr"))
	p.stop()
	return nil, fmt.Errorf("%s does not answer: %s", c.name, text)
}

func freePort() (string, error) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer pc.Close()
	_, port, err := net.SplitHostPort(pc.LocalAddr().String())
	return port, err
}

// answers returns the last four bytes of the answer to a query for an address,
// as an address, "" if there is no answer.
func (p *process) answers(name string) string {
	conn, err := net.Dial("udp", "127.0.0.1:"+p.port)
	if err != nil {
		return ""
	}
	defer conn.Close()
	q := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	_ = conn.SetDeadline(time.Now().Add(500 * time.Millisecond))
	if _, err := conn.Write(append(q, 0, 0, 1, 0, 1)); err != nil {
		return ""
	}
	buf := make([]byte, 512)
	n, err := conn.Read(buf)
	if err != nil || n < 16 || buf[7] == 0 {
		return ""
	}
	return net.IP(buf[n-4 : n]).String()
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-done
	}
}
