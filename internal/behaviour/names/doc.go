// Package names finds odd names in the queries of a qube: data that is carried in the
// names below one domain (tunnels and exfiltration), and domains that an algorithm has
// generated (DGA). It knows no public suffixes: the caller says which part of a name is
// the registered domain.
//
// Everything has a fixed size and works on packet time.
package names
