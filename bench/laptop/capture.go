package laptop

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// What a sensor with flows and DNS reports of a visit: two flows over TLS, one for the time, one
// for the query, and the query itself.
const (
	FlowsOfVisit   = 4
	QueriesOfVisit = 1
	EventsOfVisit  = FlowsOfVisit + QueriesOfVisit
)

// WriteCapture writes what the logging qube sees into a pcapng file with one interface per vif.
// The times are those of the laptop's clock.
func (l *Laptop) WriteCapture(path string, sites []Site) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffer := bufio.NewWriterSize(f, 1<<20)
	c, err := l.newCapture(buffer)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	rnd := rand.New(rand.NewPCG(uint64(l.conf.Number), 2))
	for i := range l.conf.Visits {
		at := l.conf.Length / time.Duration(l.conf.Visits) * time.Duration(i)
		running := l.running(at)
		qube := running[rnd.IntN(len(running))]
		if i == 0 {
			qube = 0 // work: each laptop has events of it
		}
		c.visit(at, qube, &sites[rnd.IntN(len(sites))])
	}
	if err := errors.Join(c.err, c.out.Flush(), buffer.Flush()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// capture writes packets. Its first error stays.
type capture struct {
	l      *Laptop
	out    *pcapgo.NgWriter
	buffer gopacket.SerializeBuffer
	ports  []uint16 // last port of each qube
	err    error

	// Where and when the next packet is.
	qube int
	now  time.Time
}

// newCapture writes the header and the interfaces, whose ids are the numbers of the qubes.
func (l *Laptop) newCapture(to *bufio.Writer) (*capture, error) {
	c := &capture{l: l, buffer: gopacket.NewSerializeBuffer(), ports: make([]uint16, len(l.Qubes))}
	for i, q := range l.Qubes {
		c.ports[i] = firstPort - 1
		intf := pcapgo.NgInterface{Name: fmt.Sprintf("vif%d.0", q.XID), LinkType: layers.LinkTypeEthernet, SnapLength: 1 << 18, TimestampResolution: 9}
		var err error
		if c.out == nil {
			c.out, err = pcapgo.NewNgWriterInterface(to, intf, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: "laptop"}})
		} else {
			_, err = c.out.AddInterface(intf)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// The ports from which Linux picks those of clients.
const (
	firstPort = 32768
	lastPort  = 60999
)

// port returns the next port of the current qube.
func (c *capture) port() uint16 {
	p := &c.ports[c.qube]
	if *p++; *p > lastPort {
		*p = firstPort
	}
	return *p
}
