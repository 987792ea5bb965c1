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

// issue returns a certificate in DER, of a name by an issuer.
func issue(tb testing.TB, name, issuer string, from, to time.Time) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	of := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1 << 40), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}}, NotBefore: from, NotAfter: to}
	}
	der, err := x509.CreateCertificate(rand.Reader, of(name), of(issuer), &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// message returns a handshake message.
func message(kind byte, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// record returns a record of TLS with handshake messages.
func record(messages ...[]byte) []byte {
	var body []byte
	for _, m := range messages {
		body = append(body, m...)
	}
	return append([]byte{22, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
}

// list returns the message Certificate.
func list(der []byte) []byte {
	n := len(der)
	b := []byte{byte((n + 3) >> 16), byte((n + 3) >> 8), byte(n + 3), byte(n >> 16), byte(n >> 8), byte(n)}
	return message(11, append(b, der...))
}

var hello = message(2, make([]byte, 70))

// TestRead reads certificates in the same record as the ServerHello and in another one, whole
// and cut behind the names, and nothing else.
func TestRead(t *testing.T) {
	t.Parallel()
	from, to := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	own := issue(t, "rat.example", "rat.example", from, to)
	other := issue(t, "www.example", "CA of Example", from, from.AddDate(0, 3, 0))
	for name, tt := range map[string]struct {
		payload []byte
		want    servercert.Certificate
		ok      bool
	}{
		"own":               {record(hello, list(own)), servercert.Certificate{SelfIssued: true, NotBefore: from.Unix(), NotAfter: to.Unix()}, true},
		"of a CA":           {record(hello, list(other)), servercert.Certificate{NotBefore: from.Unix(), NotAfter: from.AddDate(0, 3, 0).Unix()}, true},
		"in another record": {append(record(hello), record(list(own))...), servercert.Certificate{SelfIssued: true, NotBefore: from.Unix(), NotAfter: to.Unix()}, true},
		"cut":               {record(hello, list(own))[:5+74+4+6+200], servercert.Certificate{SelfIssued: true, NotBefore: from.Unix(), NotAfter: to.Unix()}, true},
		"cut too early":     {record(hello, list(own))[:5+74+4+6+100], servercert.Certificate{}, false},
		"TLS 1.3":           {append(record(hello), 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 1, 7), servercert.Certificate{}, false},
		"ClientHello":       {record(message(1, make([]byte, 70)), list(own)), servercert.Certificate{}, false},
		"no certificate":    {record(hello, list(nil)), servercert.Certificate{}, false},
		"no DER":            {record(hello, list(make([]byte, 300))), servercert.Certificate{}, false},
		"nothing":           {nil, servercert.Certificate{}, false},
	} {
		if got, ok := servercert.Read(tt.payload); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, ok, tt.want, tt.ok)
		}
	}
}

// TestRead_allocs allocates nothing: a server is asked for its certificate again and again.
func TestRead_allocs(t *testing.T) { // not parallel: it counts allocations
	now := time.Now()
	payload := record(hello, list(issue(t, "www.example", "CA of Example", now, now.AddDate(0, 3, 0))))
	if n := testing.AllocsPerRun(100, func() { servercert.Read(payload) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRead reads anything.
func FuzzRead(f *testing.F) {
	now := time.Unix(1_700_000_000, 0)
	f.Add(record(hello, list(issue(f, "www.example", "www.example", now, now.AddDate(10, 0, 0)))))
	f.Add(append(record(hello), record(list(issue(f, "www.example", "CA", now, now.AddDate(50, 0, 0))))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok := servercert.Read(data); ok && !servercert.Begins(data) {
			t.Error("a certificate in what does not begin a server's messages")
		}
	})
}
