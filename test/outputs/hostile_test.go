package outputs_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// everyHeader takes all that a client says of itself.
const everyHeader = `qubesbeat:
  flows: {enabled: false}
  protocols:
    - {type: http, ports: [80], send_headers: true, send_all_headers: true, split_cookie: true, real_ip_header: X-Forwarded-For, include_body_for: [text]}
`

// forged are requests that must arrive as documents.
func forged() map[string]string {
	long := strings.Repeat("x", 40_000)
	all := map[string]string{
		"long content type": "Content-Type: " + long,
		"long header":       "X-A: " + long,
		"long name":         long + ": a",
		"object and text":   "aa: 1\r\naa.b: 2",
		"text and object":   "bb.c: 1\r\nbb: 2",
		"dots":              ".y: 1\r\nz..z: 2\r\nw.: 3\r\n.: 4",
		"cookie":            "Cookie: k=1; k.v=1; =x; .=1",
		"other cookie":      "Cookie: k.v=1; k=1",
		"address":           "X-Forwarded-For: not-an-ip",
		"zone":              "X-Forwarded-For: fe80::1%eth0",
		"bytes":             "X-\xff\xfe: \xff\x00\xc3\x28",
		"controls":          "X\x01Y: \x1b[31m",
		"length":            "X-Length: 99999999999999999999",
	}
	for i := range 12 {
		var names strings.Builder
		for j := range 1000 {
			fmt.Fprintf(&names, "x-%d-%d: 1\r\n", i, j)
		}
		all[fmt.Sprintf("invented names %d", i)] = strings.TrimSuffix(names.String(), "\r\n")
	}
	return all
}

// TestElasticsearch_forged lets no request keep its event out of the index, or add a
// field to it.
func TestElasticsearch_forged(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	before := es.Fields(t, "qubesbeat-*")
	w := wire.New(t)
	requests := forged()
	for name, header := range requests {
		request := []byte("GET /" + strings.ReplaceAll(name, " ", "-") + " HTTP/1.1\r\nHost: example.org\r\n" + header + "\r\n\r\n")
		response := []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + header + "\r\n\r\n")
		w.TCP(80, append(segments(true, request), segments(false, response)...))
	}
	path := w.Close()
	mustRun(t, command(t, everyHeader, elasticsearch(es.URL), "-t", "-I", path))
	file := command(t, everyHeader, "output.file: {path: HOME/out}", "-t", "-I", path)
	mustRun(t, file)
	want := tallyFiles(t, filepath.Join(file.Home, "out", "*"))
	if len(want) < len(requests)-1 { // the analyzer gives up at the name of 40,000 bytes
		t.Errorf("%d transactions are in the file; want %d", len(want), len(requests))
	}
	compare(t, want, search(t, es, "qubesbeat-*"))
	for name := range es.Fields(t, "qubesbeat-*") {
		if before[name] == "" {
			t.Errorf("the index has a new field %.100q", name)
		}
	}
}

// segments cuts what one side says into segments.
func segments(fromClient bool, data []byte) (all []wire.Message) {
	const size = 1400
	for ; len(data) > size; data = data[size:] {
		all = append(all, wire.Message{FromClient: fromClient, Data: data[:size]})
	}
	return append(all, wire.Message{FromClient: fromClient, Data: data})
}

// mutated is the least number of transactions of TestElasticsearch_mutated.
const mutated = 2000

// TestElasticsearch_mutated indexes the transactions of packetbeat's captures, of which
// bytes were changed, with all protocols and all that they can add.
func TestElasticsearch_mutated(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	before := es.Fields(t, "qubesbeat-*")
	captures := fixture.BeatsCaptures(t)
	random := rand.New(rand.NewPCG(1, 2))
	config := strings.ReplaceAll(beat.AllProtocols, "packetbeat.protocols:", "qubesbeat.flows.enabled: false\nqubesbeat.protocols:")
	config = strings.NewReplacer("type: http,", "type: http, send_all_headers: true, split_cookie: true, real_ip_header: X-Forwarded-For,",
		"type: tls,", "type: tls, send_certificates: true, include_raw_certificates: true, include_detailed_fields: true,").Replace(config)
	want := map[string]bool{} // by event.id
	for round := 0; len(want) < mutated; round++ {
		args := []string{"-t"}
		for _, path := range captures {
			if copied := mutate(t, path, round, random); copied != "" {
				args = append(args, "-I", copied)
			}
		}
		mustRun(t, command(t, config, elasticsearch(es.URL), args...))
		file := command(t, config, "output.file: {path: HOME/out}", args...)
		mustRun(t, file)
		for _, e := range beat.ReadEvents(t, filepath.Join(file.Home, "out")) {
			if e.Text("type") != "stats" {
				want[e.Text("event.id")] = true
			}
		}
	}
	got := es.Count(t, "qubesbeat-*") - es.CountWhere(t, "qubesbeat-*", "type:stats")
	if got != len(want) {
		t.Errorf("%d events are in the index; want %d", got, len(want))
	}
	t.Logf("%d events", len(want))
	for name := range es.Fields(t, "qubesbeat-*") {
		if before[name] == "" {
			t.Errorf("the index has a new field %.100q", name)
		}
	}
}

// mutate writes a copy of a capture of which bytes of the payloads were changed. It
// returns "" for what is not an Ethernet capture in the classic format.
func mutate(t *testing.T, path string, round int, random *rand.Rand) string {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	r, err := pcapgo.NewReader(in)
	if err != nil || r.LinkType() != layers.LinkTypeEthernet {
		return ""
	}
	name := filepath.Join(t.TempDir(), fmt.Sprintf("%d-%s", round, filepath.Base(path)))
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	w := pcapgo.NewWriter(out)
	if err := w.WriteFileHeader(1<<18, r.LinkType()); err != nil {
		t.Fatal(err)
	}
	const headers = 54 // of Ethernet, IPv4 and TCP
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF || err != nil {
			return name
		}
		for range random.IntN(3) {
			if len(data) > headers {
				data[headers+random.IntN(len(data)-headers)] = byte(random.Uint32())
			}
		}
		info.Timestamp = info.Timestamp.Add(time.Duration(round) * time.Hour) // or many would be the same events
		if err := w.WritePacket(info, data); err != nil {
			t.Fatal(err)
		}
	}
}
