package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// inside is the environment of the process that has a network namespace of its own.
const inside = "QUBESBEAT_BENCH_LIVE"

// Addresses of the network.
const (
	clientIP, logIP, uplinkIP, netIP = "10.137.0.7", "10.137.0.5", "10.137.1.5", "10.137.1.3"
	serverIP                         = "198.51.100.7"
	watched                          = "vif7.0"
)

// enter runs this program again in a new network namespace, which is the forwarding
// machine.
func enter(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	return cmd.Run()
}

// network is the forwarding machine and the two beside it.
type network struct {
	client, net *machine
	mac         string // of vif7.0
}

// machine is a network namespace, which a process holds.
type machine struct {
	cmd *exec.Cmd
	end io.Closer
}

// hold waits for the end of standard input.
func hold() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// newMachine starts a process in a new network namespace.
func newMachine() (*machine, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-hold")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &machine{cmd, end}, cmd.Start()
}

// command returns a command that runs in the machine, on the first CPU.
func (m *machine) command(ctx context.Context, argv ...string) *exec.Cmd {
	argv = append([]string{"--net=/proc/" + strconv.Itoa(m.cmd.Process.Pid) + "/ns/net", "taskset", "-c", "0"}, argv...)
	return exec.CommandContext(ctx, "nsenter", argv...)
}

// close ends the process, and with it the namespace.
func (m *machine) close() {
	if m != nil {
		m.end.Close()
		_ = m.cmd.Wait()
	}
}

// close removes the network.
func (n *network) close() {
	n.client.close()
	n.net.close()
}

// newNetwork makes the network.
func newNetwork(ctx context.Context) (n *network, err error) {
	n = &network{}
	if n.client, err = newMachine(); err != nil {
		return nil, err
	}
	if n.net, err = newMachine(); err != nil {
		n.client.close()
		return nil, err
	}
	if err = n.connect(ctx); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// connect plugs the machines together.
func (n *network) connect(ctx context.Context) error {
	for _, s := range []struct {
		m    *machine // nil for the forwarding one
		line string
	}{
		{nil, "sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1"},
		{nil, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.send_redirects=0"},
		{nil, "ip link set lo up"},
		{nil, "ip link add vif7.0 type veth peer name eth0 netns " + strconv.Itoa(n.client.cmd.Process.Pid)},
		{nil, "ip link add eth0 type veth peer name vif2.0 netns " + strconv.Itoa(n.net.cmd.Process.Pid)},
		{nil, "ip link set vif7.0 up"}, {nil, "ip link set eth0 up"},
		{nil, "ip addr add " + logIP + "/32 dev vif7.0"}, {nil, "ip addr add " + uplinkIP + "/24 dev eth0"},
		{nil, "ip route add " + clientIP + "/32 dev vif7.0"},
		{n.client, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"},
		{n.client, "ip link set eth0 up"}, {n.client, "ip addr add " + clientIP + "/32 dev eth0"},
		{n.client, "ip route add default via " + logIP + " dev eth0 onlink"},
		{n.net, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0"},
		{n.net, "ip link set lo up"}, {n.net, "ip link set vif2.0 up"}, {n.net, "ip addr add " + netIP + "/24 dev vif2.0"},
		{n.net, "ip addr add " + serverIP + "/32 dev lo"}, {n.net, "ip route add 10.137.0.0/24 via " + uplinkIP},
		{n.net, "ip route add blackhole default"},
		{nil, "ip route add default via " + netIP},
	} {
		if err := runLine(ctx, s.m, s.line); err != nil {
			return err
		}
	}
	out, err := exec.CommandContext(ctx, "ip", "-o", "link", "show", watched).Output()
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(out), "link/ether ")
	if !found {
		return fmt.Errorf("no address in %q", out)
	}
	n.mac, _, _ = strings.Cut(rest, " ")
	return nil
}

// runLine runs a command in a machine.
func runLine(ctx context.Context, m *machine, line string) error {
	argv := strings.Fields(line)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	if m != nil {
		cmd = m.command(ctx, argv...)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}
