// Package dnspolicy decides what a qube may ask for: which lists apply to it,
// what a blocked name is answered with, and which upstreams it uses.
//
// Rules say which qubes they are for. All rules that name a qube count together:
// its lists are those of all of them, and every other choice is that of the first
// rule that makes it. A rule without selectors fills in what those leave open:
// its lists count if no other rule names any lists.
//
// A [Snapshot] is what holds at a moment. It never changes; a new inventory, new
// lists, a schedule or a command make a new one.
package dnspolicy
