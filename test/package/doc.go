// Package packages tests the rpm and the deb: they are installed without a network into a
// minimal Debian root, whose systemd then starts the unit as in a qube. It needs root and
// debootstrap; `go tool mage testPackages` runs it.
package packages
