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

// paddingBlock is the block size in bytes to which encrypted queries are padded
// (RFC 8467 section 4.1).
const paddingBlock = 128

// errPin means that a server has a valid certificate but none of the pinned keys.
var errPin = errors.New("none of the pinned keys is in the server's chain")

// tlsConfig returns a configuration that checks the certificate against the name
// in the address, and the pins if there are any (strict privacy, RFC 8310 section
// 5).
func tlsConfig(a *Address, roots *x509.CertPool, protos ...string) *tls.Config {
	c := &tls.Config{ServerName: a.Name, RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: protos,
		ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if len(a.Pins) > 0 {
		c.VerifyConnection = func(s tls.ConnectionState) error {
			// Not the certificates that the server has sent, but the chains to an authority.
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
func dialTLS(conf *tls.Config) dialer {
	return func(ctx context.Context, endpoint string) (net.Conn, error) {
		raw, err := dialTCP(ctx, endpoint)
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
