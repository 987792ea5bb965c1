package topview

import (
	"slices"
	"strings"
)

// column is one of the table.
type column struct {
	title string
	width int
	right bool // numbers are aligned to the right
	rank  int  // of two columns the one with the higher rank goes first if there is no room
	cell  func(*Qube) string
	has   func(*Qube) bool // whether a row has something to show; nil if each has
}

// columns are those that have a width of their own. What is left of the line is for the top
// destination.
var columns = []column{
	{title: "QUBE", width: 14, cell: func(q *Qube) string { return safe(q.title()) }},
	{title: "LABEL", width: 6, rank: 2, cell: func(q *Qube) string { return safe(q.Label) }},
	{title: "OUT/s", width: 5, right: true, cell: func(q *Qube) string { return rate(q.Out.Rate) }},
	{title: "IN/s", width: 4, right: true, cell: func(q *Qube) string { return rate(q.In.Rate) }},
	{title: "FLOWS", width: 5, right: true, rank: 3, cell: func(q *Qube) string { return short(uint64(max(0, q.Flows))) }},
	{title: "DNS", width: 4, right: true, rank: 4, has: hasDNS, cell: func(q *Qube) string { return dns(q, func(d *DNS) uint64 { return d.Queries }) }},
	{title: "BLKD", width: 4, right: true, rank: 5, has: hasDNS, cell: func(q *Qube) string { return dns(q, func(d *DNS) uint64 { return d.Blocked }) }},
	{title: "REFD", width: 4, right: true, rank: 6, has: func(q *Qube) bool { return q.Refused != nil }, cell: func(q *Qube) string { return short(q.refused()) }},
	{title: "FIND", width: 4, right: true, rank: 7, cell: func(q *Qube) string { return short(q.Findings) }},
	{title: "VERIFY", width: 6, rank: 8, has: func(q *Qube) bool { return q.Verify != "" }, cell: func(q *Qube) string { return safe(q.Verify) }},
}

// minTop is the least width of the top destination. Below it, columns are left out for it.
// Beyond wideTop, names of qubes get more room, as far as they need it.
const (
	minTop  = 12
	wideTop = 30
)

// topTitle is the title of the last column.
const topTitle = "TOP DESTINATION"

func hasDNS(q *Qube) bool { return q.DNS != nil }

func dns(q *Qube, of func(*DNS) uint64) string {
	if q.DNS == nil {
		return ""
	}
	return short(of(q.DNS))
}

// layout returns the columns for rows in a line of some width, and the width that is left for
// the top destination: 0 if nothing is.
func layout(qubes []Qube, width int) (list []column, rest int) {
	rest = width
	for i := range columns {
		c := columns[i]
		if c.has == nil || anyHas(qubes, c.has) {
			list, rest = append(list, c), rest-c.width-1
		}
	}
	for rest < minTop {
		last := 0
		for i := range list {
			if list[i].rank > list[last].rank {
				last = i
			}
		}
		if list[last].rank == 0 {
			break
		}
		rest += list[last].width + 1
		list = append(list[:last], list[last+1:]...)
	}
	for i := range qubes {
		more := min(len(safe(qubes[i].title()))-list[0].width, rest-wideTop)
		if more > 0 {
			list[0].width, rest = list[0].width+more, rest-more
		}
	}
	return list, max(0, rest)
}

func anyHas(qubes []Qube, has func(*Qube) bool) bool {
	for i := range qubes {
		if has(&qubes[i]) {
			return true
		}
	}
	return false
}

// titles returns the line above the rows.
func titles(list []column, rest int) string {
	var b strings.Builder
	for _, c := range list {
		b.WriteString(pad(c.title, c.width, c.right) + " ")
	}
	return b.String() + cut(topTitle, rest)
}

// row returns the line of a row: name and label, which have the label's colour, and the rest.
func row(q *Qube, list []column, rest int) (label, numbers string) {
	var l, n strings.Builder
	for _, c := range list {
		b := &n
		if !c.right && c.rank != verifyRank {
			b = &l
		}
		b.WriteString(pad(c.cell(q), c.width, c.right) + " ")
	}
	hasVerdict := slices.ContainsFunc(list, func(c column) bool { return c.rank == verifyRank })
	return l.String(), n.String() + note(q, hasVerdict, rest)
}

// verifyRank is the rank of VERIFY, the one text that does not have the label's colour.
const verifyRank = 8

// note returns the top destination in at most width columns, and before it what is odd about
// the row: a failed check, too, unless there is a column with the verdict.
func note(q *Qube, hasVerdict bool, width int) string {
	text := ""
	if q.Gone {
		text = "(gone) "
	}
	if q.Verify == failed && !hasVerdict {
		text += "!fail "
	}
	if q.Spoofed {
		text += "!spoofed "
	}
	if q.Top != nil {
		text += cutFront(safe(q.Top.Title()), max(minName, width-len(text)))
	}
	return cut(text, width)
}

// failed is the verdict on a qube that has failed a check.
const failed = "fail"

// minName is the least width of a name after what is odd. Below it, nothing is left of it.
const minName = 4
