package clienthello_test

import (
	"crypto/tls"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// judged are the captures whose differences were looked into, with the finding.
var judged = map[string]string{
	"arkime/adb_synthetic.pcap":           "TLS begins inside of another protocol",
	"arkime/mysql-tls.pcap":               "TLS begins inside of another protocol",
	"ja4/https-connect.pcap":              "TLS begins inside of another protocol",
	"pcaps/http_10_connection_close.pcap": "TLS begins inside of another protocol",
	"pcapplusplus/ssl-malformed1.pcap":    "the list of extensions ends inside of one",
	"tcpdump/quic_vn.pcap":                "tshark does not decrypt after a version negotiation",
}

// isJudged reports whether the differences of a capture are known.
func isJudged(path string) bool {
	return judged[filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)] != ""
}

// line is what is compared of a Hello.
func line(name, ja4 string) string { return ja4 + " " + name }

// TestParse_foxio compares with what FoxIO's own program says of its captures.
func TestParse_foxio(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, path := range sharedFiles(t, "ja4", "*.pcap*") {
		name := filepath.Base(path)
		for _, snap := range sharedFiles(t, "expected", "ja4", "rust-snap", "ja4__insta@"+name+".snap") {
			want := foxio(t, snap)
			var got []string
			for _, h := range readCapture(t, path).hellos {
				got = append(got, line(h.ServerName, h.JA4))
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" && !isJudged(path) {
				t.Errorf("%s: mismatch (-FoxIO +got):\n%s", name, diff)
			}
			compared += len(want)
		}
	}
	t.Logf("%d fingerprints compared", compared)
}

// foxio reads name and JA4 of the streams of a snapshot.
func foxio(t *testing.T, path string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := ""
	for l := range strings.Lines(string(data)) {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "- stream"):
			name = ""
		case strings.HasPrefix(l, "tls_server_name: "):
			name = strings.TrimPrefix(l, "tls_server_name: ")
		case strings.HasPrefix(l, "ja4: "):
			all = append(all, line(name, strings.TrimPrefix(l, "ja4: ")))
		}
	}
	return all
}

// TestParse_tshark compares with what tshark reads.
func TestParse_tshark(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs tshark for each file; run without -short")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed: apt-get install tshark")
	}
	compared := 0
	for _, path := range slices.Concat(sharedFiles(t, "*", "*cap*"), beatsFiles()) {
		r := readCapture(t, path)
		if !r.tried {
			continue
		}
		got := map[string]bool{}
		for _, h := range r.hellos {
			got[line(h.ServerName, h.JA4)] = true
		}
		want := tshark(path)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" && !isJudged(path) {
			t.Errorf("%s: mismatch (-tshark +got):\n%s", path, diff)
		}
		compared += len(want)
	}
	t.Logf("%d fingerprints compared", compared)
}

// tshark returns what tshark reads of the first ClientHello of each connection,
// the same ones once.
func tshark(path string) []string {
	out, _ := exec.Command("tshark", "-n", "-r", path, "-Y", "tls.handshake.type == 1", "-T", "fields", "-E", "aggregator=;",
		"-e", "quic.version", "-e", "tls.handshake.version", "-e", "tls.handshake.ciphersuite", "-e", "tls.handshake.extension.type",
		"-e", "tls.handshake.extensions_server_name", "-e", "tls.handshake.extensions_alpn_str", "-e", "tls.handshake.sig_hash_alg",
		"-e", "tls.handshake.extensions.supported_version", "-e", "tcp.stream", "-e", "udp.stream").Output()
	all, seen := map[string]bool{}, map[string]bool{}
	for l := range strings.Lines(string(out)) {
		field := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		connection := field[8] + "/" + field[9]
		if seen[connection] || field[2]+field[3] == "" { // SSL 2 has neither
			continue
		}
		seen[connection] = true
		info := &tls.ClientHelloInfo{CipherSuites: values(field[2]), Extensions: values(field[3]), SupportedVersions: values(field[7])}
		if info.SupportedVersions == nil {
			info.SupportedVersions = values(field[1])
		}
		for _, v := range values(field[6]) {
			info.SignatureSchemes = append(info.SignatureSchemes, tls.SignatureScheme(v))
		}
		if field[5] != "" {
			info.SupportedProtos = strings.Split(field[5], ";")
		}
		all[line(field[4], plainJA4(info, field[0] != ""))] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// values reads numbers as tshark lists them.
func values(field string) (all []uint16) {
	for s := range strings.SplitSeq(field, ";") {
		if v, err := strconv.ParseUint(s, 0, 16); err == nil {
			all = append(all, uint16(v))
		}
	}
	return all
}
