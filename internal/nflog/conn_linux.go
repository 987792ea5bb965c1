package nflog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Conn reads one group. A group can have only one reader in a network namespace.
type Conn struct {
	conn    *netlink.Conn
	next    uint32 // expected number of the next message
	started bool

	closed          atomic.Bool
	lost, malformed atomic.Uint64
}

// bufferSize is the size of the kernel's buffer in bytes: some 12,000 messages.
const bufferSize = 4 << 20

// Open binds a group. It needs CAP_NET_ADMIN.
func Open(group uint16) (*Conn, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	c := &Conn{conn: conn}
	_ = conn.SetReadBuffer(bufferSize) // losses of a smaller one are counted
	for _, attr := range settings() {
		if err := c.configure(group, attr); err != nil {
			return nil, errors.Join(fmt.Errorf("binding NFLOG group %d (it needs CAP_NET_ADMIN, and can have only one reader): %w",
				group, err), conn.Close())
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
	flushHundred = 1   // hundredths of a second for which the kernel may collect messages: they carry no time on many kernels
	copyRange    = 256 // bytes of a packet
)

// settings returns the attributes that configure a group. Each is sent in a message of its
// own, because older kernels do not accept all of them in one.
func settings() []netlink.Attribute {
	mode := binary.BigEndian.AppendUint32(nil, copyRange)
	return []netlink.Attribute{
		{Type: cfgCommand, Data: []byte{commandBind}},
		{Type: cfgMode, Data: append(mode, copyPacket, 0)},
		{Type: cfgTimeout, Data: binary.BigEndian.AppendUint32(nil, flushHundred)},
		{Type: cfgFlags, Data: binary.BigEndian.AppendUint16(nil, numbered)},
	}
}

// configure sends one attribute and waits for the acknowledgement.
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

// Close closes the connection. Run returns at once.
func (c *Conn) Close() error {
	c.closed.Store(true)
	return c.conn.Close()
}

// Lost returns the number of messages that were lost because the kernel's buffer was full.
// It is safe for concurrent use.
func (c *Conn) Lost() uint64 { return c.lost.Load() }

// Malformed returns the number of messages that could not be parsed. It is safe for
// concurrent use.
func (c *Conn) Malformed() uint64 { return c.malformed.Load() }

// Run calls onMessage with each message, and onGap when messages were lost, before the next
// one. It returns nil when Close is called, and an error when reading fails. A Message is
// valid only during the call.
func (c *Conn) Run(part *guard.Part, onMessage func(*Message), onGap func()) error {
	var m Message
	for part.Err() == nil {
		var messages []netlink.Message
		var err error
		if part.Do(nil, func() { messages, err = c.conn.Receive() }) != nil {
			onGap()
			continue
		}
		switch {
		case errors.Is(err, unix.ENOBUFS):
			onGap() // the next number shows how many
			continue
		case err != nil && c.closed.Load():
			return nil
		case err != nil:
			return fmt.Errorf("reading NFLOG: %w", err)
		}
		for i := range messages {
			if isPacket(messages[i].Header) {
				data := messages[i].Data
				_ = part.Do(func() []byte { return data }, func() { c.handle(&m, data, onMessage, onGap) })
			}
		}
	}
	return part.Err()
}

// handle parses a message and checks its number.
func (c *Conn) handle(m *Message, data []byte, onMessage func(*Message), onGap func()) {
	if m.parse(data) != nil {
		c.malformed.Add(1)
		return
	}
	if c.started && m.Seq != c.next {
		c.lost.Add(uint64(m.Seq - c.next)) // modulo 2^32, as the numbers wrap
		onGap()
	}
	c.next, c.started = m.Seq+1, true
	onMessage(m)
}
