package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/qubesbeat/qubesbeat/bench/mixture"
	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
)

// input is what is sent.
type input struct {
	name    string
	size    int    // bytes of a frame, 0 for others
	file    string // a capture, "" for none
	bulk    bool
	missing string // why it cannot be sent, "" if it can
}

// prepare returns the input that spec names, and makes its file.
func prepare(o *options, spec string) (in *input, err error) {
	in = &input{name: spec}
	switch spec {
	case "bulk":
		in.bulk = true
		in.missing = missingProgram("iperf3", "apt-get install iperf3")
	case "mix":
		c := mixture.Config{Root: o.captures, MinPackets: mostHeld}
		if _, err := os.Stat(o.captures); err != nil {
			in.missing = "no captures: " + err.Error()
			return in, nil
		}
		in.file = c.Path(o.out)
		if _, err := os.Stat(in.file); errors.Is(err, os.ErrNotExist) {
			err = pcapfile.Create(in.file, c.Generate)
			return in, err
		}
	default:
		if in.size, err = strconv.Atoi(spec); err != nil || in.size < 42 || in.size > mostBytes {
			return nil, fmt.Errorf("input %q: want bytes from 42 to %d, mix or bulk", spec, mostBytes)
		}
	}
	return in, nil
}

// sample is what one run has shown. Times are in microseconds for each frame on the vif.
type sample struct {
	Frames  int64   `json:"frames"`
	Process float64 `json:"process_us"` // CPU time of the contender
	Sender  float64 `json:"sender_us"`  // CPU time of the sender, 0 for bulk
	Softirq float64 `json:"softirq_us"` // CPU time of all softirqs of the machine
	Gbit    float64 `json:"gbit_s"`     // for bulk
	RSS     int64   `json:"rss"`        // bytes, the peak of the contender's resident memory
	Disk    int64   `json:"disk"`       // bytes of the files that the contender has left
	losses
}

// bytesIn returns the bytes of all files in a folder.
func bytesIn(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error { // what cannot be read does not count
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// Times around a run: how long a contender gets to begin and to read what is left, and to end.
const (
	settle  = 800 * time.Millisecond
	endTime = 15 * time.Second
)

// measure runs a contender while the input is sent.
func measure(ctx context.Context, o *options, nw *network, c *contender, in *input) (s sample, err error) {
	dir, err := os.MkdirTemp(o.out, "live-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := start(ctx, c, dir)
	if err != nil {
		return s, err
	}
	time.Sleep(settle)
	begin := now(p)
	played, err := play(ctx, o, nw, in)
	if err == nil {
		time.Sleep(settle)
		end := now(p)
		s.Frames = end.frames - begin.frames
		n := float64(s.Frames) / 1e6
		s.Process, s.Softirq = (end.process-begin.process)/n, (end.softirq-begin.softirq)/n
		s.Sender, s.Gbit, s.RSS = played.CPU/n, played.gbit, end.peak
	}
	if stopErr := p.stop(c); stopErr != nil {
		return s, errors.Join(err, stopErr, tail(dir))
	}
	s.Disk = bytesIn(dir)
	if err == nil && c.losses != nil {
		s.losses, err = c.losses(dir)
	}
	return s, err
}

// played is what the sender, or iperf3, says.
type played struct {
	sent
	gbit float64
}

// play sends the input.
func play(ctx context.Context, o *options, nw *network, in *input) (p played, err error) {
	if in.bulk {
		return playBulk(ctx, o, nw)
	}
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	out, err := output(nw.client.command(ctx, self, "-send", "-iface", "eth0", "-mac", nw.mac, "-file", in.file,
		"-size", strconv.Itoa(in.size), "-rate", strconv.Itoa(o.rate), "-duration", o.duration.String()))
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(out, &p.sent)
}

// playBulk has iperf3 send over one connection.
func playBulk(ctx context.Context, o *options, nw *network) (p played, err error) {
	server := nw.net.command(ctx, "iperf3", "-s", "-1")
	if err := server.Start(); err != nil {
		return p, err
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	var out []byte
	for range 20 { // until the server listens
		time.Sleep(100 * time.Millisecond)
		out, err = output(nw.client.command(ctx, "iperf3", "-c", serverIP, "-J", "-t", strconv.Itoa(max(1, int(o.duration.Seconds())))))
		if err == nil {
			break
		}
	}
	if err != nil {
		return p, err
	}
	var report struct {
		End struct {
			Received struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	err = json.Unmarshal(out, &report)
	p.gbit = report.End.Received.BitsPerSecond / 1e9
	return p, err
}

// output runs a command and returns what it prints; an error has what it says, too.
func output(cmd *exec.Cmd) ([]byte, error) {
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s%s", filepath.Base(cmd.Args[0]), err, talk.Bytes(), out.Bytes())
	}
	return out.Bytes(), nil
}

// program is a contender that runs; nil stands for none.
type program struct {
	cmd   *exec.Cmd
	dir   string
	ended chan error
}

// start starts a contender on the second CPU and waits until it captures.
func start(ctx context.Context, c *contender, dir string) (*program, error) {
	if c.argv == nil {
		return nil, nil
	}
	argv, err := c.argv(dir)
	if err != nil {
		return nil, err
	}
	before := packetSockets()
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", "1"}, argv...)...)
	cmd.Dir = dir
	files := make([]*os.File, 2)
	for i, name := range []string{"stdout", "stderr"} {
		if files[i], err = os.Create(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		defer files[i].Close()
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &program{cmd, dir, make(chan error, 1)}
	go func() { p.ended <- cmd.Wait() }()
	for limit := time.Now().Add(endTime); packetSockets() <= before; time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-p.ended:
			return nil, errors.Join(fmt.Errorf("%s has ended: %w", c.name, err), tail(dir))
		default:
		}
		if time.Now().After(limit) {
			_ = p.cmd.Process.Kill()
			return nil, fmt.Errorf("%s does not capture", c.name)
		}
	}
	return p, nil
}

// stop ends a contender.
func (p *program) stop(c *contender) error {
	if p == nil {
		return nil
	}
	if c.before != nil {
		out, err := exec.Command(c.before[0], c.before[1:]...).CombinedOutput()
		if err = errors.Join(err, os.WriteFile(filepath.Join(p.dir, "statistics"), out, 0o600)); err != nil {
			return err
		}
	}
	if c.kill {
		select {
		case err := <-p.ended:
			return fmt.Errorf("%s has ended: %w", c.name, err)
		default:
			_ = p.cmd.Process.Kill()
			<-p.ended
			return nil
		}
	}
	_ = p.cmd.Process.Signal(syscall.SIGINT) // has ended if it fails: Wait says how
	select {
	case err := <-p.ended:
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() <= 0 {
			return nil // by the signal
		}
		return err
	case <-time.After(endTime):
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("%s does not end", c.name)
	}
}

// tail returns the end of what a contender has said, as an error.
func tail(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "stderr"))
	return errors.Join(err, errors.New(string(b[max(0, len(b)-500):])))
}

// counters are the totals at a moment; times in seconds.
type counters struct {
	frames           int64 // of the vif, both directions
	process, softirq float64
	peak             int64 // bytes of resident memory
}

// now reads the counters.
func now(p *program) (c counters) {
	for line := range lines("/proc/thread-self/net/dev") {
		if f := strings.Fields(line); len(f) > 10 && f[0] == watched+":" {
			in, _ := strconv.ParseInt(f[2], 10, 64)
			out, _ := strconv.ParseInt(f[10], 10, 64)
			c.frames = in + out
		}
	}
	for line := range lines("/proc/stat") {
		if f := strings.Fields(line); len(f) > 7 && f[0] == "cpu" {
			ticks, _ := strconv.ParseFloat(f[7], 64)
			c.softirq = ticks / 100 // USER_HZ
		}
	}
	if p == nil {
		return c
	}
	for line := range lines(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			c.peak = kib << 10
		}
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	for _, name := range threads {
		for line := range lines(name) {
			ns, _ := strconv.ParseFloat(strings.Fields(line)[0], 64)
			c.process += ns / 1e9
		}
	}
	return c
}

// packetSockets counts the packet sockets of this namespace.
func packetSockets() (n int) {
	for range lines("/proc/thread-self/net/packet") {
		n++
	}
	return n
}

// lines returns the lines of a file of the kernel, none if it cannot be read.
func lines(name string) func(func(string) bool) {
	b, _ := os.ReadFile(name)
	return strings.Lines(string(b))
}
