//go:build linux

package top_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// pane is a terminal of tmux with one program in it.
type pane struct {
	t      *testing.T
	socket string
	raw    string // path of a file with all that the program has written
}

// newPane starts `qubesbeat top` in a terminal of some size. env are assignments, such as
// TERM=vt100.
func newPane(t *testing.T, socket string, width, height int, env ...string) *pane {
	t.Helper()
	testbed.Require(t, "tmux")
	dir := beat.NewHome(t)
	p := &pane{t: t, socket: filepath.Join(dir, "tmux"), raw: filepath.Join(dir, "raw")}
	command := fmt.Sprintf("read go; env %s %s top --socket %s; echo ended $?; sleep 600", strings.Join(env, " "), beat.Program(t), socket)
	p.tmux("-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), command)
	p.tmux("pipe-pane", "cat >"+p.raw)
	p.press("Enter")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() })
	return p
}

// tmux runs a command of tmux and returns what it prints.
func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", p.socket}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// press presses keys, by the names that tmux has for them.
func (p *pane) press(keys ...string) {
	p.t.Helper()
	p.tmux(append([]string{"send-keys"}, keys...)...)
}

// lines returns what the terminal shows.
func (p *pane) lines() []string {
	p.t.Helper()
	return strings.Split(strings.TrimSuffix(p.tmux("capture-pane", "-p"), "\n"), "\n")
}

// row returns the words of the line that begins with a word, nil if there is none.
func (p *pane) row(first string) []string {
	for _, line := range p.lines() {
		if words := strings.Fields(line); len(words) > 0 && words[0] == first {
			return words
		}
	}
	return nil
}

// await waits until the terminal shows a text.
func (p *pane) await(text string) {
	p.t.Helper()
	if !poll.Within(poll.Timeout, func() bool { return strings.Contains(strings.Join(p.lines(), "\n"), text) }) {
		p.t.Fatalf("the terminal does not show %q:\n%s", text, strings.Join(p.lines(), "\n"))
	}
}

// vt100 are the control characters and sequences of a VT100: cursor, erase, attributes,
// character sets, keypad modes.
var vt100 = regexp.MustCompile(`^(?:\x1b(?:\[[?0-9;]*[ABCDHJKmhlr]|[()][AB0]|[=>78MDE])|[\r\n\t\x08\x0e\x0f])`)

// checkVT100 checks that the program has written nothing that a VT100 would not understand:
// no colours, no other screen, ASCII only.
func (p *pane) checkVT100() {
	p.t.Helper()
	raw, err := os.ReadFile(p.raw)
	if err != nil || len(raw) == 0 {
		p.t.Fatalf("no output: %v", err)
	}
	for i := 0; i < len(raw); {
		m := vt100.Find(raw[i:])
		switch {
		case m == nil && raw[i] >= ' ' && raw[i] <= '~':
			i++
			continue
		case m == nil:
			p.t.Fatalf("the terminal gets %q", raw[i:min(len(raw), i+20)])
		case colour.Match(m) || bytes.Contains(m, []byte("?1049")):
			p.t.Fatalf("the terminal gets %q", m)
		}
		i += len(m)
	}
}

// colour matches attributes beyond those of a VT100.
var colour = regexp.MustCompile(`[\[;](3\d|4[0-9]|9\d|10\d)[;m]`)
