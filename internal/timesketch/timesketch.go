// Package timesketch writes events as JSON lines for Timesketch, which asks for a sentence,
// a time and what the time is of, and fails with large fields: a line has what searches
// need and no more.
package timesketch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Writer writes lines. It keeps its first error for [Writer.Close]. It is not safe for
// concurrent use.
type Writer struct {
	out *bufio.Writer
	enc *json.Encoder
	err error
}

// NewWriter returns a writer of lines to w.
func NewWriter(w io.Writer) *Writer {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return &Writer{out: out, enc: enc}
}

// line is a line. Timesketch takes the first three by name, and shows all.
type line struct {
	Message       string `json:"message"`
	Datetime      string `json:"datetime"`
	TimestampDesc string `json:"timestamp_desc"`
	DataType      string `json:"data_type"`
	Host          string `json:"host,omitempty"`
	Qube          string `json:"qube,omitempty"`
	Label         string `json:"label,omitempty"`
	Action        string `json:"action,omitempty"`
	SourceIP      string `json:"source_ip,omitempty"`
	DestinationIP string `json:"destination_ip,omitempty"`
	Domain        string `json:"domain,omitempty"`
	Port          uint64 `json:"port,omitempty"`
	Transport     string `json:"transport,omitempty"`
	Sent          uint64 `json:"bytes_sent,omitempty"`
	Received      uint64 `json:"bytes_received,omitempty"`
	Count         uint64 `json:"count,omitempty"`
	FlowID        string `json:"flow_id,omitempty"`
}

// descriptions say what the time of an event is of.
var descriptions = map[string]string{
	"flow": "Last report of a flow", "qubesbeat.dns": "Query denied", "qubesbeat.firewall": "Refused by the firewall",
	"qubesbeat.finding": "Finding", "qubesbeat.verify": "Verdict of a check", "qubesbeat.inventory": "Change of the inventory",
}

// Write writes an event, if it is of a kind that a timeline has a use for.
func (w *Writer) Write(e *analysis.Entry) {
	what, ok := descriptions[e.Dataset]
	if !ok || w.err != nil {
		return
	}
	safe := safetext.Line
	w.err = w.enc.Encode(&line{Message: message(e), Datetime: e.At.UTC().Format(time.RFC3339Nano), TimestampDesc: what, DataType: "qubesbeat:" + e.Dataset,
		Host: safe(e.Host), Qube: safe(e.Qube), Label: safe(e.Label), Action: safe(e.Action), SourceIP: safe(e.SourceIP), DestinationIP: safe(e.DestinationIP),
		Domain: safe(e.Name), Port: e.Port, Transport: safe(e.Transport), Sent: e.Out, Received: e.In, Count: e.Count, FlowID: safe(e.FlowID)})
}

// message returns a sentence about an event.
func message(e *analysis.Entry) string {
	who, to := e.Qube, e.Name
	if who == "" {
		who = "(unknown)"
	}
	if to == "" {
		to = e.DestinationIP
	}
	if e.Port > 0 {
		to += fmt.Sprintf(" port %d", e.Port)
	}
	s := ""
	switch e.Dataset {
	case "flow":
		s = fmt.Sprintf("%s and %s: %s out, %s in", who, to, report.Size(e.Out), report.Size(e.In))
	case "qubesbeat.dns":
		s = fmt.Sprintf("%s asked for %s: %s", who, e.Name, e.Action)
	case "qubesbeat.firewall":
		s = fmt.Sprintf("%s was refused %s: %s", who, to, e.Reason)
	case "qubesbeat.verify":
		s = fmt.Sprintf("%s: %s: %s", who, e.Check, e.Reason)
	default:
		s = who + ": " + strings.Join(slices.DeleteFunc([]string{e.Action, to, e.Reason}, func(part string) bool { return part == "" }), " ")
	}
	return safetext.Line(s)
}

// Close writes what is buffered. It does not close the writer below.
func (w *Writer) Close() error {
	if err := w.out.Flush(); w.err == nil {
		w.err = err
	}
	if w.err != nil {
		return fmt.Errorf("writing lines for Timesketch: %w", w.err)
	}
	return nil
}
