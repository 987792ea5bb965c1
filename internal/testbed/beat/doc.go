// Package beat runs the real beat in the sys-log of a testbed and reads its events.
package beat
