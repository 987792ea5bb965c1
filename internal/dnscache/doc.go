// Package dnscache keeps the answers of a resolver within a fixed number of
// bytes.
//
// It is split into shards. Each has two queues of bytes (after S3-FIFO, Yang et
// al., SOSP 2023): a new answer enters the small one, and leaves it for the large
// one only if it was asked for again. So a flood of random names passes through the
// small queue, and the answers that are in use stay. An entry is its
// key, its message and the places of the TTLs in it, one after the other: the
// garbage collector has no pointers to follow, and the cache never takes more than
// [New] was given.
package dnscache
