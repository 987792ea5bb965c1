package inventory

import "time"

// Stats are the counters of a File. Every read of the file counts as a reload, a failure or a retry, unless it returned
// what the Index has already, or the failure of the previous read.
type Stats struct {
	// Reloads is the number of inventories that the Index was updated with, including the first one.
	Reloads uint64

	// Failures is the number of invalid inventories, and of times that the file was missing or unreadable. A failure
	// that persists counts once.
	Failures uint64

	// Retries is the number of reads that were discarded because the file was being written.
	Retries uint64

	// LastReload is the time of the latest reload, zero if there has been none.
	LastReload time.Time

	// LastError is the present failure, nil if the latest look at the file found a valid inventory. The Index keeps the
	// last valid one.
	LastError error
}
