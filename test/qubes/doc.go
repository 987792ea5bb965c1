// Package qubes tests the beat in a small Qubes network of namespaces, with real
// programs.
package qubes
