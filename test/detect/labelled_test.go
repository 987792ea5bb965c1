package detect

import (
	"os"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// labelled runs the detection over the labelled files, or skips the test.
func labelled(t *testing.T) *evaluate.Table {
	t.Helper()
	path := fixture.SharedPath(t, "labelled", "files.tsv")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no labelled files at %s; QUBESBEAT_SHARED names the folder that has them", path)
	}
	files, err := evaluate.ReadSet(path)
	if err != nil {
		t.Fatal(err)
	}
	table := evaluate.Evaluate(evaluate.Cases(files))
	for _, err := range table.Faults {
		t.Error(err)
	}
	return table
}

// found are the files in which docs/detection.md says that a rule finds something.
var found = map[string]behaviour.Rule{
	"dev/StratosphereLinuxIPS/test-cc-capture-1.pcap": behaviour.Beacon, "dev/StratosphereLinuxIPS/test-cc-capture-2.pcap": behaviour.Beacon,
	"dev/packets/ratinfected.pcapng": behaviour.Beacon, "dev/beacon_huntress/conn.00.log.gz": behaviour.Beacon,
	"dev/nDPI/synscan.pcap": behaviour.Scan, "dev/packets/synscan.pcapng": behaviour.Scan, "dev/StratosphereLinuxIPS/vertical-conn.log": behaviour.Scan,
	"dev/StratosphereLinuxIPS/horizontal-conn.log": behaviour.Scan, "dev/nDPI/tcp_scan.pcapng": behaviour.Scan,
	"dev/StratosphereLinuxIPS/test12-icmp-portscan.pcap":                   behaviour.Scan,
	"dev/zeek-asyncrat-detector/9596cf60-0da6-47a7-a375-1f25ae32d843.pcap": behaviour.Beacon,
	"dev/zeek-asyncrat-detector/cd010953-5faf-4054-86be-58c020c3a532.pcap": behaviour.Beacon,
	"dev/nDPI/dns_doh.pcap": behaviour.DNSBypass, "dev/nDPI/dns_dot.pcap": behaviour.DNSBypass, "dev/nDPI/doq.pcapng": behaviour.DNSBypass,
	"dev/nDPI/icmp-tunnel.pcap": behaviour.ICMPTunnel, "dev/zeek-long-connections/long_connection.pcap": behaviour.LongConnection,
	"dev/StratosphereLinuxIPS/malicious-ssh-bruteforce.pcap": behaviour.Lateral,
	"dev/nDPI/WebattackRCE.pcap":                             behaviour.Scan, "dev/nDPI/no_sni.pcap": behaviour.TLSOdd, "dev/nDPI/selfsigned.pcap": behaviour.TLSOdd, "dev/nDPI/ssl-cert-name-mismatch.pcap": behaviour.TLSOdd,
	"dev/nDPI/emotet.pcap": behaviour.TLSOdd,
	"dev/nDPI/tor.pcap":    behaviour.TLSOdd, "dev/DGA_domains_dataset/dga_domains_sample.csv": behaviour.DGA,
}

// TestLabelled holds what is found in the labelled files, and how seldom something is found
// in those of benign traffic, to docs/detection.md. -v prints the table.
func TestLabelled(t *testing.T) {
	t.Parallel()
	table := labelled(t)
	var text strings.Builder
	if err := table.Write(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", text.String())
	left := len(found)
	for _, r := range table.Results {
		for path, rule := range found {
			if strings.HasSuffix(r.Path, path) {
				left--
				if _, ok := r.Found(rule, behaviour.Low); !ok {
					t.Errorf("%s: no %s", path, rule)
				}
			}
		}
	}
	if left != 0 {
		t.Errorf("%d of the files that something is found in are not there", left)
	}
	if s := table.Scores[behaviour.DNSTunnel]; s.Recall() < 0.9 || s.Cold[0] > 0 {
		t.Errorf("DNS tunnels: %d of %d, and %d of benign files; want nine of ten and none", s.Found, s.Expected, s.Cold[0])
	}
	if s := table.Scores[behaviour.FirstSeen]; s.Recall() < 0.9 || s.Cold[0] > 0 || 100*s.Hits < 90*s.Runs || s.Goes[1] > 0 {
		t.Errorf("first contacts: %+v; want nine of ten in nine of ten runs, and none without a past or at medium", s)
	}
	for _, s := range table.Scores {
		if s.Cold[1] > 0 {
			t.Errorf("%s: %d benign files have a finding at medium or above before anything is learned; want none", s.Rule, s.Cold[1])
		}
	}
	if low, medium := table.Rates(); low > 3 || medium > 0.5 {
		t.Errorf("%.2f findings a day in benign traffic, %.2f at medium or above; want at most 3 and 0.5", low, medium)
	}
}
