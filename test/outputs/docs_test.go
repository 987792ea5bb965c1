package outputs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// TestDocs_shipping holds that the beat takes every configuration that docs/shipping.md
// shows.
func TestDocs_shipping(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(fixture.Repository(t, "docs", "shipping.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) < 6 {
		t.Fatalf("%d configurations; want those of all outputs", len(blocks))
	}
	certificates := newCertificate(t)
	for _, b := range blocks {
		output := string(b[1])
		if !strings.Contains(output, "output.") {
			output += "output.console: {}\n"
		}
		c := command(t, onlyFlows, strings.ReplaceAll(output, "/rw/config/qubesbeat", certificates), "test", "config")
		c.Env = append(c.Env, "ES_KEY=id:key", "REDIS_PASSWORD=x", "KAFKA_PASSWORD=x")
		if r := c.Run(t, runTime); r.Code != 0 {
			t.Errorf("exit status %d for\n%s\n%s", r.Code, output, r.Stderr)
		}
	}
}

// newCertificate makes a certificate and returns its folder.
func newCertificate(t *testing.T) (dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, block := range map[string]*pem.Block{"ca.crt": {Type: "CERTIFICATE", Bytes: cert}, "client.crt": {Type: "CERTIFICATE", Bytes: cert},
		"client.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
