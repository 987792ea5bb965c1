package testbed

import "net"

// WireGuardAnswers reports whether a user-space WireGuard serves a device.
//
// Do not poll with "wg show" instead: wg removes a socket that refuses it, and so does one
// that wireguard-go has bound and does not listen on yet; nothing reaches it after that.
func WireGuardAnswers(device string) bool {
	c, err := net.Dial("unix", "/var/run/wireguard/"+device+".sock")
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
