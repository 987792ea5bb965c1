// Package task runs the long-lived parts of a program: each is a [Task], and a
// [Group] starts them, stops them in order, and reports to systemd when all of
// them are ready.
//
// The stop is ordered because data flows from one task to the next: what a task
// delivers while it stops reaches the next one before that is stopped. It is also
// bounded: when its time is over, [Late] makes every task give up waiting, and a
// task that goes on for another second is abandoned.
package task
