package cmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// hostile is text from outside that would forge a line and speak to the terminal.
const hostile = "x\x1b]0;owned\a\nqubesbeat: OK\r\u202e\u0085\u200b"

// checkOutput fails if a text has more lines than want, or a character of hostile.
func checkOutput(t *testing.T, text string, lines int) {
	t.Helper()
	if strings.ContainsAny(text, "\x1b\a\r\u202e\u0085\u200b") || strings.Count(text, "\n") != lines || strings.Contains(text, "\nqubesbeat: OK") {
		t.Errorf("the terminal gets %q; want %d harmless lines", text, lines)
	}
	if !strings.Contains(text, `x\u001b]0;owned\u0007`) {
		t.Errorf("the terminal gets %q; want the text with visible escapes", text)
	}
}

// TestDNS_hostile shows names, records and lists of others in as many lines as there are
// of them.
func TestDNS_hostile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		show  func(io.Writer, json.RawMessage) error
		lines int
	}{
		{"query", dnsevent.Explanation{Name: hostile, Reason: hostile, Steps: []dnsevent.Step{{Step: "ask", Says: hostile}}, Answers: []string{hostile}}, showExplanation, 3},
		{"lists", []lists.Status{{Source: lists.Source{List: "ads", Location: "https://lists.example/ads"}, Err: hostile}}, showLists, 3},
		{"pauses", []dnspolicy.Pause{{Qube: hostile, Lists: []string{hostile}}}, showPauses, 1},
	} {
		raw, err := json.Marshal(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := tt.show(&out, raw); err != nil {
			t.Fatal(err)
		}
		checkOutput(t, out.String(), tt.lines)
	}
}

// TestPrintError indents what an error has after its first line.
func TestPrintError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := new(cobra.Command)
	c.SetErr(&out)
	_ = printError(c, errors.New(hostile))
	checkOutput(t, out.String(), 2)
}

// TestRoot_terminal is not parallel: it looks at what Root makes of the process's streams.
func TestRoot_terminal(t *testing.T) {
	text, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := new(cobra.Command)
	setStreams(c, &out, &out)
	c.Println(string(text))
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != hostile {
		t.Errorf("JSON reads back as %q: %v", back, err)
	}
	checkOutput(t, out.String(), 1)
}
