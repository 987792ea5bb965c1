// Package source opens what is to be metered, as the configuration and the command
// line name it: live interfaces, capture files, or nothing at all where no part of
// the program looks at packets.
package source
