// Package dnspolicy decides what a qube may ask for: which lists apply to it,
// what a blocked name is answered with, and which upstreams it uses.
//
// Each rule selects qubes. All rules that select a qube are combined: the lists of
// all of them apply, and of every other setting the first value that is set. A rule
// without selectors supplies defaults: its lists apply if no other rule has lists.
//
// A [Snapshot] is the policy of all qubes at a moment. It is immutable: a new
// inventory, new lists, a schedule or a command replaces it.
package dnspolicy
