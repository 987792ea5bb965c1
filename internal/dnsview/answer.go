package dnsview

import (
	"net/netip"
	"time"
)

// Answer is an answer that was seen on its way to a client.
type Answer struct {
	Client, Server netip.AddrPort
	ID             uint16 // of the message
	Name           string // of the question
	Addresses      []netip.Addr
	At             time.Time
}
