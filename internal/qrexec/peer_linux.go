package qrexec

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// ErrCaller is why a call was refused: the user who made it is not permitted to.
var ErrCaller = errors.New("qrexec: not permitted to call")

// peer returns the user id of the process at the other end of a Unix socket, as the
// kernel knows it. It is -1 with an error.
func peer(conn net.Conn) (uid int, err error) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return -1, ErrCaller
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return -1, err
	}
	uid = -1
	fault := raw.Control(func(fd uintptr) {
		var c *unix.Ucred
		if c, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = int(c.Uid)
		}
	})
	return uid, errors.Join(fault, err)
}
