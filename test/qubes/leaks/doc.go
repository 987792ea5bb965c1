// Package leaks plays what can go wrong with tunnels and between qubes, with the real
// programs (wireguard-go, openvpn, tor, nft, ping, curl, dig) in a network of namespaces, and
// holds what the beat says about it.
//
// Each scene is played live with `go tool mage testNet`. `go tool mage recordScenes` keeps
// the packets of the logging qube's interfaces in testdata, and a replay of them must give
// the same verdicts without privileges. Rules of nft and of qvm-firewall are not in a
// capture, and neither are qubes that come and go: what only they show is held live only.
// With -v a table is printed: scene, expected, got.
//
// From the recordings others are made: an hour of them, packets out of order, a clock that
// is set back, a list of relays that misses those that were used.
package leaks
