package pcapfilter

import "fmt"

// Error describes the part of a filter expression that cannot be compiled.
type Error struct {
	Expr   string // the whole expression
	Offset int    // where the part starts, in bytes into Expr
	What   string // what is wrong with it
	Hint   string // advice to the user; may be empty
}

// Error implements the error interface.
func (e *Error) Error() string {
	s := fmt.Sprintf("compiling filter %q: byte %d: %s", shorten(e.Expr), e.Offset, e.What)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// shorten keeps a message readable when the expression is long.
func shorten(expr string) string {
	const keep = 200
	if len(expr) <= keep {
		return expr
	}
	return expr[:keep] + "..."
}
