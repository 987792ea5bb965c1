// Package evaluate runs the detection over labelled captures and logs, and counts what it
// finds of what it should, and what it should not have found.
package evaluate
