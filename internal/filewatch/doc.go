// Package filewatch reports when a file may have changed, without waking up while it
// does not.
//
// It uses inotify(7) on the file and on the nearest folder that exists, so that a file
// which is replaced, or made later, is seen as well. What inotify does not see, such as
// another target of a symbolic link, a bind mount, or a change that another machine makes
// on a network file system, is left to a slow poll.
package filewatch
