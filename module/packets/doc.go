// Package packets stores the packets of chosen qubes, and says in each flow's event whether
// they can be fetched.
package packets
