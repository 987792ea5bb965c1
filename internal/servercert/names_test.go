package servercert_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/servercert"
)

// named returns the first segment of a server whose certificate is for some names.
func named(tb testing.TB, names ...string) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "www.example"}, DNSNames: names, BasicConstraintsValid: true,
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(1_800_000_000, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return record(hello, list(der))
}

// TestCovers compares names as clients do, and says nothing of names that it has not seen.
func TestCovers(t *testing.T) { // not parallel: it counts allocations
	two := named(t, "example.org", "*.Example.com")
	for _, tt := range []struct {
		payload       []byte
		name          string
		covers, known bool
	}{
		{two, "example.org", true, true},
		{two, "EXAMPLE.org.", true, true},
		{two, "www.example.com", true, true},
		{two, "www.example.org", false, true},
		{two, "a.www.example.com", false, true},
		{two, "example.com", false, true},
		{two, "", false, true},
		{named(t), "www.example", false, false}, // the common name counts no more
		{two[:len(two)-150], "example.org", false, false},
		{record(message(1, make([]byte, 70))), "example.org", false, false},
		{nil, "example.org", false, false},
	} {
		if covers, known := servercert.Covers(tt.payload, tt.name); covers != tt.covers || known != tt.known {
			t.Errorf("%q in %d bytes: %v, %v; want %v, %v", tt.name, len(tt.payload), covers, known, tt.covers, tt.known)
		}
	}
	if n := testing.AllocsPerRun(100, func() { servercert.Covers(two, "www.example.org") }); n != 0 {
		t.Errorf("%v allocations; want none", n)
	}
}

// FuzzCovers reads anything.
func FuzzCovers(f *testing.F) {
	f.Add(named(f, "example.org", "*.example.com"), "example.org")
	f.Fuzz(func(t *testing.T, payload []byte, name string) {
		if covers, known := servercert.Covers(payload, name); covers && !known {
			t.Errorf("%q is covered by names that are not known", name)
		}
	})
}
