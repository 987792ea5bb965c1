package sweep_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// verbose lets the analyzers say all that they can, on more ports.
const verbose = `qubesbeat:
  flows: {period: -1s, timeout: 30s}
  protocols:
    - {type: icmp}
    - {type: dhcpv4, ports: [67, 68]}
    - {type: dns, ports: [53, 5353, 5355], include_authorities: true, include_additionals: true, send_request: true, send_response: true}
    - {type: http, ports: [80, 8080, 8000, 5000, 8002], send_all_headers: true, include_body_for: [text, image], send_request: true, send_response: true}
    - {type: amqp, ports: [5672], send_request: true, send_response: true}
    - {type: cassandra, ports: [9042], send_request: true, send_response: true}
    - {type: memcache, ports: [11211], send_request: true, send_response: true}
    - {type: mysql, ports: [3306, 3307], send_request: true, send_response: true}
    - {type: pgsql, ports: [5432], send_request: true, send_response: true}
    - {type: redis, ports: [6379], send_request: true, send_response: true}
    - {type: thrift, ports: [9090], send_request: true, send_response: true}
    - {type: mongodb, ports: [27017], send_request: true, send_response: true}
    - {type: nfs, ports: [2049]}
    - {type: tls, ports: [443, 993, 995, 5223, 8443, 8883, 9243], send_certificates: true, include_raw_certificates: true, include_detailed_fields: true}
    - {type: sip, ports: [5060], parse_authorization: true, parse_body: true, keep_original: true}
output.file: {path: HOME/out, filename: events}
logging.to_stderr: true
logging.level: error
`

// emptyVersions is a ServerHello whose supported_versions extension is empty (RFC 8446
// section 4.2.1), behind a ClientHello: packetbeat's analyzer reads beyond its end.
func emptyVersions(t *testing.T) string {
	t.Helper()
	record := func(kind byte, body string) []byte {
		text := fmt.Sprintf("%c\x00\x00%c%s", kind, byte(len(body)), body)
		return []byte(fmt.Sprintf("\x16\x03\x03\x00%c%s", byte(len(text)), text))
	}
	random := strings.Repeat("r", 32)
	w := wire.New(t)
	w.TCP(443, []wire.Message{
		{FromClient: true, Data: record(1, "\x03\x03"+random+"\x00\x00\x02\x13\x01\x01\x00\x00\x00")},
		{Data: record(2, "\x03\x03"+random+"\x00\x13\x01\x00\x00\x04\x00\x2b\x00\x00")},
	})
	w.TCP(80, []wire.Message{
		{FromClient: true, Data: []byte("GET /after HTTP/1.1\r\nHost: example.org\r\n\r\n")},
		{Data: []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
	})
	return w.Close()
}

// TestAttack20_analyzers_panics contains the panics of packetbeat's analyzers: the beat
// ends well, counts them, restarts nothing, and analyzes what follows.
func TestAttack20_analyzers_panics(t *testing.T) {
	t.Parallel()
	own := emptyVersions(t)
	paths, _ := filepath.Glob(filepath.Join(fixture.SharedPath(t, "attacks", "20-analyzers-panics"), "*.pcap"))
	for _, path := range append([]string{own}, paths...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			home := beat.NewHome(t)
			c := beat.Self(t, "qubesbeat")
			c.Home = home
			c.Args = beat.Flags(home, beat.Write(t, home, "qubesbeat.yml", verbose), "-t", "-I", path)
			r := c.Run(t, runTime)
			events := beat.ReadEvents(t, filepath.Join(home, "out"))
			stats := events.Where(beat.Event{"type": "stats"}).Last()
			if r.Code != 0 || stats.Number("stats.transactions.panics") == 0 || stats.Number("stats.transactions.failures") != 0 {
				t.Errorf("exit status %d, %v panics, %v failures; want 0, some and none\n%.2000s", r.Code,
					stats["stats.transactions.panics"], stats["stats.transactions.failures"], r.Stderr)
			}
			if path == own && len(events.Where(beat.Event{"url.path": "/after", "status": "OK"})) != 1 {
				t.Error("what came after the panic was not analyzed")
			}
		})
	}
}
