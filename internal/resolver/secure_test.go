package resolver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// identity is a certificate and its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// authorities are the certificates of the upstreams: root signs middle, middle
// signs server. other is not signed by an authority that is trusted.
type authorities struct{ root, middle, server, other identity }

// trust makes them once: keys cost time.
var trust = sync.OnceValue(func() (a authorities) {
	a.root = issue(nil, "root", true)
	a.middle = issue(&a.root, "middle", true)
	a.server = issue(&a.middle, "dns.example", false)
	a.other = issue(nil, "dns.example", true)
	return a
})

// issue makes a certificate, signed by itself where there is no issuer.
func issue(by *identity, name string, ca bool) identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("resolver_test: " + err.Error()) // there is no randomness
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err == nil {
		c, err = x509.ParseCertificate(der)
	}
	if err != nil {
		panic("resolver_test: " + err.Error()) // the template is wrong
	}
	return identity{c, key}
}

// pin is the hash of a key as addresses of upstreams have it.
func (i *identity) pin() string {
	sum := sha256.Sum256(i.cert.RawSubjectPublicKeyInfo)
	return "pin-sha256=" + base64.StdEncoding.EncodeToString(sum[:])
}

// present makes a server show a chain; the first one is its own.
func present(chain ...identity) *tls.Config {
	c := tls.Certificate{PrivateKey: chain[0].key}
	for _, i := range chain {
		c.Certificate = append(c.Certificate, i.cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12}
}

// writeAuthority writes the certificate that is trusted.
func writeAuthority(t testing.TB, dir string) string {
	t.Helper()
	root := trust().root
	path := filepath.Join(dir, "ca.pem")
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw})))
	return path
}

// server starts something that is no upstream over UDP and TCP, and returns its
// address.
type server func(t testing.TB) string

// dot serves DNS over TLS.
func dot(do script, chain ...identity) server {
	return func(t testing.TB) string {
		t.Helper()
		l, err := tls.Listen("tcp", "127.0.0.1:0", present(chain...))
		if err != nil {
			t.Fatal(err)
		}
		return dnstest.NewStreamServer(t, l, do).Addr.String()
	}
}

// doh serves DNS over HTTPS. finish writes the answer; if it is nil, there is none
// until the client gives up.
func doh(do script, finish func(w http.ResponseWriter, body []byte)) server {
	return func(t testing.TB) string {
		t.Helper()
		a := trust()
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			q := new(dns.Msg)
			switch err := q.Unpack(body); {
			case err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/dns-message":
				http.Error(w, "no query", http.StatusBadRequest)
			case q.Id != 0: // RFC 8484 section 4.1
				http.Error(w, "an id", http.StatusBadRequest)
			case finish == nil:
				<-r.Context().Done()
			default:
				do(dnstest.NewExchange(q, func(b []byte) { finish(w, b) }))
			}
		}))
		s.EnableHTTP2, s.Config.ErrorLog = true, log.New(io.Discard, "", 0) // that we hang up is what some rows are about
		s.TLS = present(a.server, a.middle)
		s.StartTLS()
		t.Cleanup(func() {
			s.CloseClientConnections()
			s.Close()
		})
		return strings.TrimPrefix(s.URL, "https://")
	}
}
