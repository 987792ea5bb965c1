// Package task runs the long-lived parts of a program: each is a [Task], and a
// [Group] starts them, stops them in order, and reports to systemd when all of
// them are ready.
//
// A stop is ordered because data flows from one task to the next: what a stopped
// task still held reaches the next one before that is stopped, too. A stop is
// bounded as well: when its time is over, [Late] lets every task give up waiting.
package task
