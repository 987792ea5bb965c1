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
	"slices"
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
			// What the server has sent proves nothing; what leads to an authority does.
			for _, cert := range slices.Concat(s.VerifiedChains...) {
				sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
				if slices.ContainsFunc(a.Pins, func(pin []byte) bool { return bytes.Equal(pin, sum[:]) }) {
					return nil
				}
			}
			return errPin
		}
	}
	return c
}

// dialTLS returns a dialer of TLS connections.
func dialTLS(a *Address, roots *x509.CertPool, dial dialer) dialer {
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
