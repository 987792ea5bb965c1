package qube

import "fmt"

// The ways by which the traffic of a qube can be meant to reach the outside. The script in dom0 derives them from tags.
const (
	ExitClear = "clear" // directly
	ExitVPN   = "vpn"   // through a tunnel that the qube makes
	ExitTor   = "tor"   // through Tor, which runs in the qube: a gateway of Whonix
	ExitAnon  = "anon"  // through such a gateway, so that the qube must not be attached elsewhere
)

// ValidExit returns nil if exit is one of the Exit constants, else an error with the reason. Unlike classes and states,
// which Qubes OS may add to, an unknown word is invalid: taken for none, it would be an expectation that is not checked.
func ValidExit(exit string) error {
	switch exit {
	case ExitClear, ExitVPN, ExitTor, ExitAnon:
		return nil
	}

	return fmt.Errorf("exit %.40q is not clear, vpn, tor or anon", exit)
}
