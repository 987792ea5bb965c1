// Package leaks plays what can go wrong with tunnels and between qubes, with the real
// programs (wireguard-go, openvpn, nft, ping, curl, dig) in a network of namespaces, and
// holds what the beat says about it.
//
// Each scene is played live with `go tool mage testNet`. `go tool mage recordLeaks` keeps
// the packets of the logging qube's interfaces in testdata, and a replay of them must give
// the same verdicts without privileges. Rules of nft and of qvm-firewall are not in a
// capture: what only they show is held live only.
package leaks
