package nftrules

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// OverRate returns the number of new connections that were not logged because they
// exceeded the rate, counted by the kernel since the table was made. It needs
// CAP_NET_ADMIN and returns an error if the table does not exist. received is called with
// what the kernel answers, before that is read.
func OverRate(received func(reply []byte)) (uint64, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0, fmt.Errorf("opening netlink: %w", err)
	}
	defer conn.Close()
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_OBJ_TABLE, Data: []byte(Table + "\x00")},
		{Type: unix.NFTA_OBJ_NAME, Data: []byte("over_rate\x00")},
		{Type: unix.NFTA_OBJ_TYPE, Data: binary.BigEndian.AppendUint32(nil, unix.NFT_OBJECT_COUNTER)},
	})
	if err != nil {
		return 0, fmt.Errorf("reading the counter over_rate: %w", err)
	}
	replies, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETOBJ, Flags: netlink.Request},
		Data:   append([]byte{unix.NFPROTO_INET, 0, 0, 0}, attrs...), // struct nfgenmsg
	})
	if err != nil {
		return 0, fmt.Errorf("reading the counter over_rate: %w", err)
	}
	for _, r := range replies {
		received(r.Data)
	}
	return counterOf(replies)
}

// counterOf returns the packets that the one reply has counted.
func counterOf(replies []netlink.Message) (uint64, error) {
	if len(replies) != 1 || len(replies[0].Data) < 4 {
		return 0, fmt.Errorf("reading the counter over_rate: unexpected answer of %d messages", len(replies))
	}
	n, err := packets(replies[0].Data[4:])
	if err != nil {
		return 0, fmt.Errorf("reading the counter over_rate: %w", err)
	}
	return n, nil
}

// packets reads the counter from the attributes of an object.
func packets(attrs []byte) (n uint64, err error) {
	d, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return 0, err
	}
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		if d.Type() == unix.NFTA_OBJ_DATA {
			d.Nested(func(inner *netlink.AttributeDecoder) error {
				inner.ByteOrder = binary.BigEndian
				for inner.Next() {
					if inner.Type() == unix.NFTA_COUNTER_PACKETS {
						n = inner.Uint64()
					}
				}
				return nil
			})
		}
	}
	return n, d.Err()
}
