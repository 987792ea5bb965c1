package nftrules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Watch calls changed when it begins to see changes, for those before, and after each change of the
// ruleset, until ctx ends, and returns nil then. It needs CAP_NET_ADMIN.
func Watch(ctx context.Context, changed func()) error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return fmt.Errorf("watching the ruleset: opening netlink: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	changed()
	for {
		messages, err := conn.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS): // more than the socket has room for: of changes
			changed()
		case err != nil:
			return fmt.Errorf("watching the ruleset: %w", err)
		case isGeneration(messages):
			changed()
		}
	}
}

// isGeneration reports whether the last message of a transaction is among the messages.
func isGeneration(messages []netlink.Message) bool {
	for i := range messages {
		if messages[i].Header.Type == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWGEN {
			return true
		}
	}
	return false
}
