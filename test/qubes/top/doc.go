// Package top drives `qubesbeat top` in a real terminal, tmux, beside a beat in the sys-log of
// a testbed, and compares what it shows with the events and with what the clients did.
package top
