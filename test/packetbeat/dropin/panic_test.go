//go:build linux

package dropin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// onlyFlows is the beginning of a configuration for a capture file.
const onlyFlows = "packetbeat.flows: {timeout: 30s, period: -1s}\n"

// replayTime bounds the reading of a capture.
const replayTime = time.Minute

// serverHello is one whose supported_versions extension (43) is empty, after the
// client's (RFC 8446 section 4.1.3; CVE-2026-26933 and its kin).
func serverHello() []message {
	random := strings.Repeat("r", 32)
	client := "\x03\x03" + random + "\x00" + "\x00\x02\x13\x01" + "\x01\x00" + "\x00\x00"
	server := "\x03\x03" + random + "\x00" + "\x13\x01" + "\x00" + "\x00\x04\x00\x2b\x00\x00"
	record := func(kind byte, body string) []byte {
		text := fmt.Sprintf("%c\x00\x00%c%s", kind, byte(len(body)), body)
		return []byte(fmt.Sprintf("\x16\x03\x03\x00%c%s", byte(len(text)), text))
	}
	return []message{{FromClient: true, Data: record(1, client)}, {Data: record(2, server)}}
}

// invite is a SIP request (RFC 3261) with a session description (RFC 8866).
func invite(owner string) []message {
	body := "v=0\r\no=" + owner + " 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	return []message{{FromClient: true, Data: []byte("INVITE sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n" +
		"From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: 1@example.org\r\nCSeq: 1 INVITE\r\n" +
		"Content-Type: application/sdp\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body)}}
}

// poisons make an analyzer panic in the version of beats that is in use.
var poisons = []struct {
	protocol, what string
	port           uint16
	udp            bool
	said           []message
}{
	{"http", "a chunk of negative length", 80, false, []message{
		{FromClient: true, Data: []byte("GET /chunk HTTP/1.1\r\nHost: example.org\r\n\r\n")},
		{Data: []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcdefgh\r\n")},
	}},
	{"tls", "an empty list of versions", 443, false, serverHello()},
	{"sip", "an empty name in quotation marks", 5060, true, invite(`""`)},
}

// write writes a poison between two probes.
func write(w *wire.Wire, port uint16, udp bool, said []message) {
	if udp {
		w.UDP(port, said)
	} else {
		w.TCP(port, said)
	}
}

// TestHostile_panic gives the analyzers messages that make them panic. packetbeat
// ends; ours counts it, and goes on with all other connections.
func TestHostile_panic(t *testing.T) {
	require(t)
	t.Parallel()
	for _, tt := range poisons {
		w := wire.New(t)
		probe(w)
		write(w, tt.port, tt.udp, tt.said)
		probe(w)
		path := w.Close()
		t.Run(tt.protocol+"/"+theirs.name, func(t *testing.T) {
			b := crash(t, onlyFlows+runner.AllProtocols+outputFile, path)
			t.Logf("packetbeat, after %s: status %d, %s", tt.what, exitCode(b.Err()), panicLine(b))
			if exitCode(b.Err()) != 2 {
				t.Error("want status 2, a panic: else this input proves nothing")
			}
		})
		t.Run(tt.protocol+"/"+ours.name, func(t *testing.T) {
			b := replay(t, ours, onlyFlows+runner.AllProtocols+outputFile, path, replayTime)
			if b.Err() != nil {
				t.Fatalf("qubesbeat ended with %v", b.Err())
			}
			events := b.Events(t)
			stats := lastStats(t, events)
			probes := len(events.Filter(isProbe))
			t.Logf("qubesbeat, after %s: status 0, panics %d, of them %s %d, %d of 2 probes, %d of %d packets", tt.what,
				stats["transactions.panics"], tt.protocol, stats["transactions.panics_"+tt.protocol], probes, stats["flows.packets"], w.Frames())
			if stats["transactions.panics"] != 1 || stats["transactions.panics_"+tt.protocol] != 1 {
				t.Errorf("want one panic, of %s, counted", tt.protocol)
			}
			if probes != 2 || stats["flows.packets"] != uint64(w.Frames()) {
				t.Error("want both probes analyzed and all packets metered")
			}
		})
	}
}

// crash replays a capture that makes packetbeat panic. The run is repeated if packetbeat has
// ended without: it may do so before its goroutine gets to the message, and while a panic is
// on its way out of there.
func crash(t *testing.T, config, path string) *beat {
	t.Helper()
	b := replay(t, theirs, config, path, replayTime)
	for range 10 {
		if exitCode(b.Err()) == 2 {
			break
		}
		b = replay(t, theirs, config, path, replayTime)
	}
	return b
}

// panicLine returns the line of a log that says why the program has failed.
func panicLine(b *beat) string {
	for line := range strings.Lines(b.Log()) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return strings.TrimSpace(line)
		}
	}
	return "no panic"
}
