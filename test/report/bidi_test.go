package report_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// bidi drives a browser by WebDriver BiDi (w3.org/TR/webdriver-bidi).
type bidi struct {
	tb      testing.TB
	conn    *websocket.Conn
	id      int
	console []string // lines of log.entryAdded
}

// message is an answer or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Error  string          `json:"error"`
	Text   string          `json:"message"`
	Result json.RawMessage `json:"result"`
	Params json.RawMessage `json:"params"`
}

// startFirefox starts Firefox with a profile, and a session in it.
func startFirefox(t *testing.T, program, home string) *bidi {
	t.Helper()
	const origin = "http://127.0.0.1"
	cmd := exec.CommandContext(t.Context(), program, "--headless", "--no-remote", "--profile", home, "--remote-debugging-port=0", "--remote-allow-origins="+origin)
	cmd.Env = append(os.Environ(), "HOME="+home, "MOZ_HEADLESS=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := ""
	for lines := bufio.NewScanner(stderr); address == "" && lines.Scan(); {
		_, address, _ = strings.Cut(lines.Text(), "WebDriver BiDi listening on ")
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	conn, err := websocket.Dial(address+"/session", "", origin)
	if err != nil {
		t.Fatalf("%s at %q: %v", program, address, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	b := &bidi{tb: t, conn: conn}
	b.do("session.new", `{"capabilities":{}}`)
	b.do("session.subscribe", `{"events":["log.entryAdded"]}`)
	return b
}

// do calls a command, and keeps what comes to the console meanwhile.
func (b *bidi) do(method, params string) json.RawMessage {
	b.tb.Helper()
	b.id++
	if err := websocket.Message.Send(b.conn, fmt.Sprintf(`{"id":%d,"method":%q,"params":%s}`, b.id, method, params)); err != nil {
		b.tb.Fatalf("%s: %v", method, err)
	}
	for {
		var m message
		if err := websocket.JSON.Receive(b.conn, &m); err != nil {
			b.tb.Fatalf("%s: %v", method, err)
		}
		switch {
		case m.Method == "log.entryAdded":
			b.console = append(b.console, string(m.Params))
		case m.ID == b.id && m.Error != "":
			b.tb.Fatalf("%s: %s: %s", method, m.Error, m.Text)
		case m.ID == b.id:
			return m.Result
		}
	}
}

// show loads a page, and returns what came to the console until it was complete, and a while
// after.
func (b *bidi) show(path string) string {
	b.tb.Helper()
	var tree struct{ Contexts []struct{ Context string } }
	if err := json.Unmarshal(b.do("browsingContext.getTree", "{}"), &tree); err != nil || len(tree.Contexts) == 0 {
		b.tb.Fatalf("no window: %v", err)
	}
	context := tree.Contexts[0].Context
	b.do("browsingContext.navigate", fmt.Sprintf(`{"context":%q,"url":%q,"wait":"complete"}`, context, "file://"+path))
	b.do("script.evaluate", fmt.Sprintf(`{"expression":"new Promise(r => setTimeout(r, 300))","awaitPromise":true,"target":{"context":%q,"sandbox":"test"}}`, context))
	return strings.Join(b.console, "\n")
}
