package clienthello_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// sentOnly is a connection that keeps what is written and answers nothing.
type sentOnly struct {
	net.Conn
	sent bytes.Buffer
}

func (c *sentOnly) Write(b []byte) (int, error) { return c.sent.Write(b) }
func (c *sentOnly) Read([]byte) (int, error)    { return 0, errors.New("no answer") }

// The first message of crypto/tls, behind the five bytes of its record header.
func ExampleParse() {
	conn := new(sentOnly)
	client := tls.Client(conn, &tls.Config{ServerName: "www.example.org", NextProtos: []string{"h2", "http/1.1"}})
	_ = client.Handshake() // fails, for want of a server, when the ClientHello has been sent

	hello, err := clienthello.Parse(conn.sent.Bytes()[5:], 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hello.ServerName, hello.ALPN, hello.Version == tls.VersionTLS13)
	// The first part of a JA4: TCP, TLS 1.3, with a server name.
	fmt.Println(hello.JA4[:4])
	// Output:
	// www.example.org [h2 http/1.1] true
	// t13d
}
