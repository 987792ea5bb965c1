package inventory

import "time"

// Stats are the counters of a File. Every read of the file is in Reloads, in Failures or in Retries, unless it gave what
// the Index has already or what was counted as a failure the time before.
type Stats struct {
	// Reloads is the number of inventories that were read and taken over, the first one included.
	Reloads uint64

	// Failures is the number of contents that were bad, and of times that the file was gone or could not be read. A
	// failure that goes on counts once.
	Failures uint64

	// Retries is the number of reads that were put off because the file was being written.
	Retries uint64

	// LastReload is the time of the latest reload, zero if there was none.
	LastReload time.Time

	// LastError is what is wrong now, nil if the latest look at the file found a good inventory. The last good one
	// stays in the Index.
	LastError error
}
