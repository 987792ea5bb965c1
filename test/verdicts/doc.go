// Package verdicts tests that what a netvm refuses is told, with both qubes named:
// the real beat, its own nft rules beside those of Qubes, real refusals.
package verdicts
