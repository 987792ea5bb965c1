// Package wiretest stands in for the process of the analyzers in tests. It analyzes
// nothing: each packet with a payload becomes an event with the payload as text.
package wiretest

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/transaction/wire"
)

// The payloads that do not stand for text of an event.
const (
	Crash   = "crash"    // ends the process
	Panic   = "panic"    // reports a panic of the analyzer "fake"
	Damaged = "damaged"  // sends an event that cannot be decoded
	DNS     = "dns "     // the beginning of the text for an event of type dns
	Silent  = "silence " // the beginning of a text for which there is no event

	PanicOfNone = "panic of none" // reports one of an analyzer that is not configured
)

// Fault is the type of a section that the process refuses.
const Fault = "fault"

// IsChild reports whether this process is to run [Main] and nothing else.
func IsChild() bool { return os.Getenv(wire.ChildVariable) != "" }

// Main runs until standard input ends. It returns the exit status of the process.
// The sections of the configuration must have the keys type and port; the type
// is the name of the protocol.
func Main() int {
	progress, err := wire.OpenProgress(os.NewFile(wire.ProgressFile, "progress"))
	if err != nil {
		return 1
	}
	c := &child{in: bufio.NewReader(os.Stdin), names: map[uint32]string{}, progress: progress}
	if err := c.run(); err != nil {
		_ = wire.Write(os.Stdout, wire.KindFault, []byte(err.Error()))
		return 1
	}
	_ = wire.WriteYAML(os.Stdout, wire.KindStats, c.stats)
	return 0
}

type child struct {
	in       *bufio.Reader
	names    map[uint32]string
	progress *wire.Progress
	stats    wire.Stats
}

func (c *child) run() error {
	_, body, err := wire.Read(c.in)
	if err != nil {
		return err
	}
	var cfg wire.Config
	if err := wire.ParseYAML(body, &cfg); err != nil {
		return err
	}
	ready := wire.Ready{TCP: map[uint16]string{}}
	for _, section := range cfg.List {
		name, port := fmt.Sprint(section["type"]), section["port"]
		if name == Fault {
			return fmt.Errorf("%s: refused", name)
		}
		if n, ok := port.(int); ok && section["enabled"] != false {
			ready.TCP[uint16(n)] = name
		}
	}
	if err := wire.WriteYAML(os.Stdout, wire.KindReady, ready); err != nil {
		return err
	}
	return c.loop()
}

func (c *child) loop() error {
	for {
		kind, body, err := wire.Read(c.in)
		if err != nil {
			return nil
		}
		if kind == wire.KindName {
			iface, name, err := wire.ParseName(body)
			if err != nil {
				return err
			}
			c.names[iface] = name
			continue
		}
		p, spoofed, err := wire.ParsePacket(body)
		if err != nil {
			return err
		}
		if err := c.take(&p, spoofed); err != nil {
			return err
		}
		c.progress.Next()
	}
}

func reportPanic(protocol, text string) error {
	p := wire.Panic{Protocol: protocol, Caught: guard.Caught{Value: "as wanted", Hash: "0123456789ab", Stack: "goroutine 1", Input: []byte(text)}}
	return wire.Write(os.Stdout, wire.KindPanic, wire.AppendPanic(nil, &p))
}

// take makes an event of a packet. A spoofed one is counted.
func (c *child) take(p *feed.Packet, spoofed bool) error {
	text := string(p.Payload)
	switch {
	case text == Crash:
		fmt.Fprintln(os.Stderr, "fatal error: crash requested")
		os.Exit(2)
	case text == Panic:
		return reportPanic("fake", text)
	case text == PanicOfNone:
		return reportPanic("none", text)
	case text == Damaged:
		return wire.Write(os.Stdout, wire.KindEvent, []byte{0xff, 0xff})
	case spoofed && p.Direction == packet.Inbound:
		c.stats.Analyzers.Spoofed++
		return nil
	}
	c.stats.Analyzers.Packets++
	if text == "" || strings.HasPrefix(text, Silent) {
		return nil
	}
	kind := "fake"
	if strings.HasPrefix(text, DNS) {
		kind = "dns"
	}
	src, dst := p.Src.Netip(p.Family).String(), p.Dst.Netip(p.Family).String()
	e := wire.Event{Section: 1, Timestamp: p.Time, Known: true, Iface: p.Iface, From: uint8(p.Direction), Source: src, Dest: dst,
		Fields: mapstr.M{"type": kind, "message": text, "dns": mapstr.M{"question": mapstr.M{"name": text}}, "source": mapstr.M{"ip": "10.137.0.6"}, "interface": c.names[p.Iface], "network": mapstr.M{"direction": "unknown"}}}
	c.stats.Reporter.Reported++
	c.stats.Reporter.Sent++
	encoded, err := wire.NewEventEncoder().Encode(&e)
	if err != nil {
		return err
	}
	return wire.Write(os.Stdout, wire.KindEvent, encoded)
}
