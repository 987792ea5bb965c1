package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// paddingBlock is the size that encrypted queries are padded to (RFC 8467
// section 4.1).
const paddingBlock = 128

// errPin tells that a server has proved to be somebody else.
var errPin = errors.New("none of the pinned keys is in the server's chain")

// tlsConfig checks the certificate against the name in the address, and the
// pins where there are any (RFC 8310, strict privacy).
func tlsConfig(a *Address, roots *x509.CertPool, protos ...string) *tls.Config {
	c := &tls.Config{ServerName: a.Name, RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: protos,
		ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if len(a.Pins) > 0 {
		c.VerifyConnection = func(s tls.ConnectionState) error {
			for _, cert := range s.PeerCertificates {
				sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
				for _, pin := range a.Pins {
					if bytes.Equal(pin, sum[:]) {
						return nil
					}
				}
			}
			return errPin
		}
	}
	return c
}

// dialTLS returns a dialer of TLS connections.
func dialTLS(a *Address, roots *x509.CertPool, dial dialer) func(context.Context) (net.Conn, error) {
	conf := tlsConfig(a, roots)
	return func(ctx context.Context) (net.Conn, error) {
		raw, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, conf)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("TLS: %w", err)
		}
		return conn, nil
	}
}
