package upstream_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"testing"
	"time"
)

// serverName is the name in the certificates of the servers here.
const serverName = "dns.test"

// authority is a certificate and its key.
type authority struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue makes a certificate, signed by another one or, without one, by itself.
func issue(t testing.TB, by *authority, c *x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{made, key}
}

// newCA makes an authority, below another one or at the top.
func newCA(t testing.TB, by *authority, name string) *authority {
	t.Helper()
	return issue(t, by, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
}

// leaf makes the certificate of a server.
func (a *authority) leaf(t testing.TB, names ...string) *authority {
	t.Helper()
	return issue(t, a, &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

// pin is the pin of a certificate, as addresses have it.
func (a *authority) pin() string {
	sum := sha256.Sum256(a.RawSubjectPublicKeyInfo)
	return ";pin-sha256=" + base64.StdEncoding.EncodeToString(sum[:])
}

// chain is what a server shows: its certificate, and others.
func chain(leaf *authority, others ...*authority) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leaf.key}
	for _, o := range others {
		c.Certificate = append(c.Certificate, o.Raw)
	}
	return c
}

func pool(roots ...*authority) *x509.CertPool {
	p := x509.NewCertPool()
	for _, r := range roots {
		p.AddCert(r.Certificate)
	}
	return p
}
