package nflog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Conn is the reader of one group. A group has one reader in a network namespace.
type Conn struct {
	conn    *netlink.Conn
	next    uint32 // number that the next message should have
	started bool

	closed          atomic.Bool
	lost, malformed atomic.Uint64
}

// bufferSize is what the kernel may keep for us: some 12,000 messages.
const bufferSize = 4 << 20

// Open binds a group. It needs CAP_NET_ADMIN.
func Open(group uint16) (*Conn, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	c := &Conn{conn: conn}
	_ = conn.SetReadBuffer(bufferSize) // a smaller one works, and what it loses is counted
	for _, attr := range settings() {
		if err := c.configure(group, attr); err != nil {
			return nil, errors.Join(fmt.Errorf("binding NFLOG group %d (it needs CAP_NET_ADMIN and has one reader only): %w", group, err), conn.Close())
		}
	}
	return c, nil
}

// The attributes and values of a configuration (linux/netfilter/nfnetlink_log.h).
const (
	cfgCommand, cfgMode, cfgTimeout, cfgFlags = 1, 2, 4, 6

	commandBind  = 1
	copyPacket   = 2
	numbered     = 1
	flushHundred = 10 // hundredths of a second that the kernel may collect messages
	copyRange    = 256
)

// settings returns what a group is set to, one message each: older kernels know
// fewer attributes in one.
func settings() []netlink.Attribute {
	mode := binary.BigEndian.AppendUint32(nil, copyRange)
	return []netlink.Attribute{
		{Type: cfgCommand, Data: []byte{commandBind}},
		{Type: cfgMode, Data: append(mode, copyPacket, 0)},
		{Type: cfgTimeout, Data: binary.BigEndian.AppendUint32(nil, flushHundred)},
		{Type: cfgFlags, Data: binary.BigEndian.AppendUint16(nil, numbered)},
	}
}

func (c *Conn) configure(group uint16, attr netlink.Attribute) error {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{attr})
	if err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, 0}, group)
	_, err = c.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: subsystem<<8 | msgConfig, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(head, attrs...),
	})
	return err
}

// Close ends Run.
func (c *Conn) Close() error {
	c.closed.Store(true)
	return c.conn.Close()
}

// Lost returns how many messages did not reach us: the kernel had no room for
// them. It is safe for concurrent use.
func (c *Conn) Lost() uint64 { return c.lost.Load() }

// Malformed returns how many messages could not be read. It is safe for
// concurrent use.
func (c *Conn) Malformed() uint64 { return c.malformed.Load() }

// Run hands the messages to packet, and tells gap before a message that comes
// behind some that were lost, until Close is called. The message is valid during
// the call.
func (c *Conn) Run(packet func(*Message), gap func()) error {
	var m Message
	for {
		messages, err := c.conn.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			gap() // how many, the next number tells
			continue
		case err != nil && c.closed.Load():
			return nil
		case err != nil:
			return fmt.Errorf("reading NFLOG: %w", err)
		}
		for i := range messages {
			if isPacket(messages[i].Header) {
				c.take(&m, messages[i].Data, packet, gap)
			}
		}
	}
}

func (c *Conn) take(m *Message, data []byte, packet func(*Message), gap func()) {
	if m.parse(data) != nil {
		c.malformed.Add(1)
		return
	}
	if c.started && m.Seq != c.next {
		c.lost.Add(uint64(m.Seq - c.next)) // unsigned: it may wrap
		gap()
	}
	c.next, c.started = m.Seq+1, true
	packet(m)
}
