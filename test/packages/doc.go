// Package packages tests the rpm and the deb: installed without a network into a
// bare root of Debian, whose own systemd then starts the unit, as it will in a
// qube. It needs root and debootstrap; `go tool mage testPackages` runs it.
package packages
