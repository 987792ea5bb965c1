// Package bundle writes and checks bundles: tar archives with the packets of a qube, its
// events, and what shows that they are those that were stored. A bundle needs nothing but
// itself to be checked, and the same content gives the same bytes.
package bundle
