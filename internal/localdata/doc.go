// Package localdata holds what a resolver answers without asking an upstream: the
// records of the configuration ([Records]), the names of special use ([Special]),
// and the [Rewrites] of names that records and zones are looked up by.
//
// Names are in wire form and lower case unless a comment says otherwise.
package localdata
