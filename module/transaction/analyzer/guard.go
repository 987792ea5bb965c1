package analyzer

import (
	"github.com/elastic/beats/v7/packetbeat/protos"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// guard is deferred around every call of an analyzer. A panic ends the analysis of
// the connection that caused it, and nothing else. c is nil for datagrams; input is what
// the analyzer was called with, if anything.
func (a *analyzers) guard(name string, c *connection, input []byte) {
	a.current = nil
	fault := recover()
	if fault == nil {
		return
	}
	a.counts.Panics[name]++
	if c != nil {
		c.giveUp()
	}
	if a.cfg.panicked != nil {
		a.cfg.panicked(&wire.Panic{Protocol: name, Caught: guard.Catch(fault, input)})
	}
}

// probe panics if a test wants an analyzer to do so at an input.
func (a *analyzers) probe(name string, input []byte) {
	if a.cfg.probe != nil {
		a.cfg.probe(name, input)
	}
}

// parse passes data that is in order to the analyzer of a connection.
func (a *analyzers) parse(c *connection, dir uint8, k *protos.Packet, fin bool) {
	if c.dead {
		return
	}
	defer a.guard(c.protocol.name, c, k.Payload)
	a.current = c
	a.probe(c.protocol.name, k.Payload)
	plugin := c.protocol.tcp
	if len(k.Payload) > 0 {
		c.data = plugin.Parse(k, &c.tuple, dir, c.data)
	}
	if fin {
		c.data = plugin.ReceivedFin(&c.tuple, dir, c.data)
	}
}

// reportGap says to the analyzer of a connection that n bytes are missing.
func (a *analyzers) reportGap(c *connection, dir uint8, n int) {
	if c.dead {
		return
	}
	defer a.guard(c.protocol.name, c, nil)
	a.current = c
	data, drop := c.protocol.tcp.GapInStream(&c.tuple, dir, n, c.data)
	if c.data = data; drop {
		c.data = nil
	}
}

// reportExpired says to the analyzer that a connection has ended: it may report a
// request that has no response.
func (a *analyzers) reportExpired(c *connection) {
	plugin, aware := c.protocol.tcp.(protos.ExpirationAwareTCPPlugin)
	if !aware || c.dead || c.data == nil {
		return
	}
	defer a.guard(c.protocol.name, c, nil)
	a.current = c
	plugin.Expired(&c.tuple, c.data)
}

// currentHello returns the hello of the connection whose analyzer is being called.
func (a *analyzers) currentHello() *hello {
	if a.current == nil {
		return nil
	}
	return a.current.hello
}
