package evaluate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
)

// items writes logs and returns what is read of them, a line for each item.
func items(t *testing.T, logs map[string]string) (lines []string, err error) {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"conn.log", "dns.log", "ssl.log"} {
		if text, ok := logs[name]; ok {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	list, err := evaluate.Items(&evaluate.Case{Paths: paths})
	for i := range list {
		switch o := list[i].Other.(type) {
		case nil:
			lines = append(lines, fmt.Sprintf("%d notice %d of protocol %d", list[i].At/1e9, list[i].Notice.Kind, list[i].Notice.Proto))
		case *detect.Ended:
			name := ""
			if o.Hello != nil {
				name = " " + o.Hello.ServerName
			}
			lines = append(lines, fmt.Sprintf("%d ended%s", list[i].At/1e9, name))
		case *detect.Message:
			lines = append(lines, fmt.Sprintf("%d message %s, response %v, NXDOMAIN %v, %d addresses", list[i].At/1e9, o.Name, o.Response, o.NXDomain, len(o.Addresses)))
		}
	}
	return lines, err
}

// TestItems_zeek reads logs as the versions and the settings of Zeek write them.
func TestItems_zeek(t *testing.T) {
	t.Parallel()
	const conn = `"id.orig_h":"10.0.0.5","id.orig_p":40000,"id.resp_h":"198.51.100.7","id.resp_p":443,"proto":"tcp","duration":2.0,"orig_bytes":5,"resp_bytes":6`
	connection := []string{"1700000000 notice 1 of protocol 6", "1700000000 notice 2 of protocol 6", "1700000002 ended"}
	for _, tt := range []struct {
		name string
		logs map[string]string
		want []string
	}{
		{"seconds", map[string]string{"conn.log": `{"ts":1700000000.5,"conn_state":"SF",` + conn + `}`}, connection},
		{"ISO 8601", map[string]string{"conn.log": `{"ts":"2023-11-14T22:13:20.500000Z","conn_state":"SF",` + conn + `}`}, connection},
		{"no state", map[string]string{"conn.log": `{"ts":1700000000.5,` + conn + `}`}, connection},
		{"fields in fields", map[string]string{"conn.log": `{"ts":1700000000.5,"id":{"orig_h":"10.0.0.5","orig_p":4,"resp_h":"198.51.100.7","resp_p":443},"proto":"tcp","duration":2,"resp_bytes":6}`}, connection},
		{"ICMP of IPv6", map[string]string{"conn.log": strings.NewReplacer("10.0.0.5", "2001:db8::5", "198.51.100.7", "2001:db8::7", "tcp", "icmp").Replace(`{"ts":1700000000,` + conn + `}`)},
			[]string{"1700000000 notice 1 of protocol 58", "1700000000 notice 2 of protocol 58", "1700000002 ended"}},
		{"a name by uid", map[string]string{"conn.log": `{"ts":1700000000.5,"uid":"C1",` + conn + `}`, "ssl.log": `{"ts":1700000000.6,"uid":"C1","server_name":"www.example"}`},
			[]string{connection[0], connection[1], connection[2] + " www.example"}},
		{"no uid", map[string]string{"conn.log": `{"ts":1700000000.5,` + conn + `}`, "ssl.log": `{"ts":1700000000.6,"server_name":"www.example"}`}, connection},
		{"answers without a code", map[string]string{"dns.log": `{"ts":1700000000,"id.orig_h":"10.0.0.5","id.resp_h":"10.0.0.1","id.resp_p":53,"proto":"udp","query":"www.example","answers":["198.51.100.7"],"rtt":1}`},
			[]string{"1700000000 message www.example, response false, NXDOMAIN false, 0 addresses", "1700000001 message www.example, response true, NXDOMAIN false, 1 addresses"}},
		{"the name of a code", map[string]string{"dns.log": `{"ts":1700000000,"id.orig_h":"10.0.0.5","id.resp_h":"10.0.0.1","id.resp_p":53,"proto":"udp","query":"no.example","rcode_name":"NXDOMAIN"}`},
			[]string{"1700000000 message no.example, response false, NXDOMAIN false, 0 addresses", "1700000000 message no.example, response true, NXDOMAIN true, 0 addresses"}},
	} {
		got, err := items(t, tt.logs)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, items mismatch (-want +got):\n%s", tt.name, err, diff)
		}
	}
	if _, err := items(t, map[string]string{"conn.log": `{"ts":"yesterday","conn_state":"SF",` + conn + `}`}); err == nil || !strings.Contains(err.Error(), "ts") {
		t.Errorf("of a log without times: %v; want an error that names them", err)
	}
}

// TestCases_zeek takes the logs of one time and place together, also those of Zeek's archive.
func TestCases_zeek(t *testing.T) {
	t.Parallel()
	var files []evaluate.File
	for _, path := range []string{"a/conn.log", "a/dns.log", "a/ssl.log.gz", "b/conn.09.log", "b/dns.10.log", "c/conn.09:00:00-10:00:00.log", "c/dns.10:00:00-11:00:00.log",
		"d/conn_20251103.log", "d/dns_20251103.log", "d/conn_20251104.log", "e/labeled-conn.log", "f/http.pcap"} {
		files = append(files, evaluate.File{Path: path})
	}
	var got []string
	for _, c := range evaluate.Cases(files) {
		got = append(got, strings.Join(c.Paths, " "))
	}
	want := []string{"a/conn.log a/dns.log", "a/ssl.log.gz", "b/conn.09.log b/dns.10.log", "c/conn.09:00:00-10:00:00.log c/dns.10:00:00-11:00:00.log",
		"d/conn_20251103.log d/dns_20251103.log", "d/conn_20251104.log", "e/labeled-conn.log", "f/http.pcap"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cases mismatch (-want +got):\n%s", diff)
	}
}
