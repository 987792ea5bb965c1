// Package auxqueue stands between an outlet, which may block, and the services that
// must go on while the output is down.
package auxqueue
