// Package verdicts tests that there are events about the connections that a netvm refuses,
// with both qubes named: with the real beat, and its nft rules beside those of Qubes.
package verdicts
