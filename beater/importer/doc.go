// Package importer runs a beat whose events are there already: in files of events, or as
// lines of the kernel's log. It is the adapter between libbeat and packages
// internal/eventimport and module/firewall.
package importer
