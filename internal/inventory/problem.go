package inventory

import (
	"errors"
	"fmt"
	"strings"
)

// maxProblems is the number of problems that are listed; the others are only counted. More would push the first ones,
// which usually cause the rest, off the screen.
const maxProblems = 20

// A Problem is an error in an inventory. Parse returns all of them joined.
type Problem struct {
	// Line is the number of the line, from 1; in JSON, that of the line where the qube begins. It is 0 if the
	// problem concerns the whole inventory.
	Line int

	// Path is the location in JSON, such as "qubes[3]", and empty in lines.
	Path string

	// Qube is the name of the qube, empty if it has no valid name or the problem concerns no single qube.
	Qube string

	// Text describes the problem and what to do about it.
	Text string
}

// Error returns the location and the text in one line.
func (p Problem) Error() string {
	var place []string
	if p.Line > 0 {
		place = append(place, fmt.Sprintf("line %d", p.Line))
	}

	if p.Path != "" {
		place = append(place, p.Path)
	}

	if p.Qube != "" {
		place = append(place, "qube "+p.Qube)
	}
	return strings.Join(append(place, p.Text), ": ")
}

// Problems returns the problems in the tree of err, in the order of the inventory, nil if there are none. No more than 20
// are recorded; the text of err gives the number of the others.
func Problems(err error) []Problem {
	switch e := err.(type) {
	case Problem:
		return []Problem{e}
	case interface{ Unwrap() error }:
		return Problems(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []Problem
		for _, inner := range e.Unwrap() {
			all = append(all, Problems(inner)...)
		}
		return all
	}
	return nil
}

// problems collects up to maxProblems and counts the rest.
type problems struct {
	list  []error
	count int
}

// add records p.
func (c *problems) add(p Problem) {
	if c.count++; c.count <= maxProblems {
		c.list = append(c.list, p)
	}
}

// err returns the recorded problems joined, nil if there are none.
func (c *problems) err() error {
	if c.count > maxProblems {
		return errors.Join(append(c.list, fmt.Errorf("and %d more", c.count-maxProblems))...)
	}
	return errors.Join(c.list...)
}
