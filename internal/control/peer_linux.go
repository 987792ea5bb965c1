package control

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

// Peer is the process at the other end of the socket, as the kernel knows it.
type Peer struct {
	UID, PID int // -1 if they are not known
}

// peerKey is the key of a Peer in a context.
type peerKey struct{}

// PeerOf returns who has made the request of a context.
func PeerOf(ctx context.Context) Peer {
	if p, ok := ctx.Value(peerKey{}).(Peer); ok {
		return p
	}
	return Peer{-1, -1}
}

// withPeer adds the peer of a connection to the context of its requests.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	p := Peer{-1, -1}
	if c, ok := conn.(*net.UnixConn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				if u, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
					p = Peer{int(u.Uid), int(u.Pid)}
				}
			})
		}
	}
	return context.WithValue(ctx, peerKey{}, p)
}
