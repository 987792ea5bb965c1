// Package pki makes certificate authorities and certificates for tests, as files.
package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/elastic/elastic-agent-libs/testing/certutil"
)

// Authority is a certificate authority. Its files are in a folder of the test.
type Authority struct {
	// CA is the file with its certificate.
	CA string

	dir  string
	key  crypto.PrivateKey
	cert *x509.Certificate
}

// Pair is a certificate and its key, in files and in memory.
type Pair struct {
	Certificate, Key string // PEM; the key in PKCS #8
	TLS              tls.Certificate
}

// New makes an authority.
func New(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{dir: tb.TempDir()}
	var pair certutil.Pair
	var err error
	if a.key, a.cert, pair, err = certutil.NewRootCA(); err != nil {
		tb.Fatal(err)
	}
	a.CA = a.write(tb, "ca.crt", pair.Cert)
	return a
}

// Server makes a certificate for localhost and 127.0.0.1.
func (a *Authority) Server(tb testing.TB) Pair {
	tb.Helper()
	return a.issue(tb, "localhost", false)
}

// Client makes a certificate of a client.
func (a *Authority) Client(tb testing.TB) Pair {
	tb.Helper()
	return a.issue(tb, "client", true)
}

func (a *Authority) issue(tb testing.TB, name string, client bool) Pair {
	tb.Helper()
	cert, pair, err := certutil.GenerateChildCert(name, []net.IP{{127, 0, 0, 1}}, a.key, a.cert, certutil.WithClientCert(client))
	if err != nil {
		tb.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	return Pair{Certificate: a.write(tb, name+".crt", pair.Cert), TLS: *cert,
		Key: a.write(tb, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))}
}

// Pool returns a pool with the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// ServerConfig returns the settings of a server with a certificate of the authority. If
// wantClient, it asks clients for one, too, and refuses those without.
func (a *Authority) ServerConfig(tb testing.TB, wantClient bool) *tls.Config {
	tb.Helper()
	c := &tls.Config{Certificates: []tls.Certificate{a.Server(tb).TLS}, MinVersion: tls.VersionTLS12}
	if wantClient {
		c.ClientCAs, c.ClientAuth = a.Pool(), tls.RequireAndVerifyClientCert
	}
	return c
}

func (a *Authority) write(tb testing.TB, name string, text []byte) string {
	tb.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
