// Package repotest holds the rules of the repository as tests: which way imports
// point, that every package says what it is, how long a file may be.
package repotest
