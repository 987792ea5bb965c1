// Package mmdbfile makes files of the MaxMind DB format 2.0, small or as large as those that
// users have, for tests of what reads them.
package mmdbfile
