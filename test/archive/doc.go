// Package archive tests the archive of events with both sides as processes: what is
// killed at any moment loses no event and doubles none.
package archive
