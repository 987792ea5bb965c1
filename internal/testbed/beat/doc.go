// Package beat runs the real beat in the sys-log of a testbed, and reads what it
// has written.
package beat
