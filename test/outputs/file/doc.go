// Package file tests the files that the beat writes: starts, a full disk and other
// programs lose no event that is not counted.
package file
