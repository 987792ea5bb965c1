//go:build linux

package testbed

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct {
	cmd  uint32
	data uint32
}

// ifreqData is struct ifreq of linux/if.h with a pointer in its union, padded
// to the size of the largest member.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// offloadOff switches segmentation and checksum offload of an interface off.
func (h *Host) offloadOff(ifname string) error {
	return h.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("opening a socket: %w", err)
		}
		defer func() { _ = unix.Close(fd) }()
		// In an order in which the kernel does not switch one on again
		// because another needs it.
		for _, cmd := range [...]uint32{
			unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO, unix.ETHTOOL_STXCSUM, unix.ETHTOOL_SRXCSUM,
		} {
			value := ethtoolValue{cmd: cmd}
			req := ifreqData{data: unsafe.Pointer(&value)}
			copy(req.name[:len(req.name)-1], ifname)
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
			// EOPNOTSUPP: the device never had the feature.
			if errno != 0 && errno != unix.EOPNOTSUPP {
				return fmt.Errorf("switching offload %#x of %s off: %w", cmd, ifname, errno)
			}
		}
		return nil
	})
}
