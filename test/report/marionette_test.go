package report_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// marionette drives Firefox over its own remote protocol: each message is JSON behind its
// length and a colon. Unlike WebDriver it can run a script with the rights of the browser,
// which sees the whole console: the messages of the page's policy, too.
type marionette struct {
	tb   testing.TB
	conn net.Conn
	in   *bufio.Reader
	last int // number of the last command
}

// newMarionette starts Firefox with a new profile that has these preferences. It ends with
// the test.
func newMarionette(tb testing.TB, prefs string) *marionette {
	tb.Helper()
	home := tb.TempDir()
	if err := os.WriteFile(filepath.Join(home, "user.js"), []byte("user_pref(\"marionette.port\", 0);\n"+prefs), 0o600); err != nil {
		tb.Fatal(err)
	}
	c := exec.Command(need(tb, "firefox-esr", "apt-get install firefox-esr"), "--headless", "--no-remote", "--profile", home,
		"--marionette", "--remote-allow-system-access", "--width=1200", "--height=1600")
	c.Env = append(os.Environ(), "HOME="+home, "MOZ_HEADLESS=1")
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	m := &marionette{tb: tb}
	tb.Cleanup(func() {
		if m.conn != nil {
			_, _ = m.send("Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}})
			m.conn.Close()
		} else {
			_ = c.Process.Kill()
		}
		_ = c.Wait()
	})
	m.connect(filepath.Join(home, "MarionetteActivePort"))
	m.do("WebDriver:NewSession", nil)
	return m
}

// connect waits for the file in which Firefox says its port, and reads its first message.
func (m *marionette) connect(path string) {
	m.tb.Helper()
	port := 0
	for end := time.Now().Add(2 * time.Minute); port == 0; time.Sleep(100 * time.Millisecond) {
		data, _ := os.ReadFile(path)
		port, _ = strconv.Atoi(string(data))
		if time.Now().After(end) {
			m.tb.Fatal("Firefox does not listen")
		}
	}
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		m.tb.Fatal(err)
	}
	m.conn, m.in = conn, bufio.NewReader(conn)
	if _, err := m.read(); err != nil {
		m.tb.Fatal(err)
	}
}

// read returns one message.
func (m *marionette) read() ([]byte, error) {
	_ = m.conn.SetDeadline(time.Now().Add(2 * time.Minute))
	head, err := m.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
	if err != nil {
		return nil, err
	}
	message := make([]byte, n)
	_, err = io.ReadFull(m.in, message)
	return message, err
}

// send runs a command and returns its result.
func (m *marionette) send(name string, arguments map[string]any) (json.RawMessage, error) {
	m.last++
	data, err := json.Marshal([]any{0, m.last, name, arguments})
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(data), data); err != nil {
		return nil, err
	}
	answer, err := m.read()
	if err != nil {
		return nil, err
	}
	var parts [4]json.RawMessage // kind, number, error, result
	if err := json.Unmarshal(answer, &parts); err != nil {
		return nil, err
	}
	if string(parts[2]) != "null" {
		return nil, errors.New(string(parts[2]))
	}
	return parts[3], nil
}

// do runs a command whose result has a value, and returns that.
func (m *marionette) do(name string, arguments map[string]any) json.RawMessage {
	m.tb.Helper()
	result, err := m.send(name, arguments)
	if err != nil {
		m.tb.Fatalf("%s: %v", name, err)
	}
	var v struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(result, &v); err != nil {
		m.tb.Fatalf("%s: %v", name, err)
	}
	return v.Value
}

// text runs a command whose value is a text.
func (m *marionette) text(name string, arguments map[string]any) (s string) {
	m.tb.Helper()
	if err := json.Unmarshal(m.do(name, arguments), &s); err != nil {
		m.tb.Fatalf("%s: %v", name, err)
	}
	return s
}

// reference returns what an element is called in commands.
func reference(tb testing.TB, element json.RawMessage) string {
	tb.Helper()
	var all map[string]string // its only key is a constant of the standard
	if err := json.Unmarshal(element, &all); err != nil {
		tb.Fatal(err)
	}
	for _, id := range all {
		return id
	}
	tb.Fatal("no element")
	return ""
}
