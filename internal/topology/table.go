package topology

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes the Map as a table, a qube in each line: the list of who leaves under which
// address.
func (m *Map) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "QUBE\tLABEL\tINTERNAL IP\tNETVM\tEXIT\tEXTERNAL IP\tKNOWN BY\tAGE\tVERDICT")
	walk(m.Forest(), func(n *Node) {
		for i := range max(1, len(n.Exit.External)) {
			fmt.Fprintln(t, strings.Join(m.cells(n.Qube, i), "\t"))
		}
	})
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// cells returns the row of a qube's i-th external address.
func (m *Map) cells(q *Qube, i int) []string {
	exit := dash(q.Exit.Kind)
	if way := q.Exit.way(); way != "" {
		exit += ": " + way
	}
	row := []string{dash(q.Name), dash(q.Label), q.addresses(), dash(q.Netvm), exit, "-", "-", "-", dash(q.verdict())}
	if i < len(q.Exit.External) {
		e := &q.Exit.External[i]
		row[5], row[6], row[7] = address(e.Addr), dash(e.Method), age(m.At.Sub(e.At))
	}
	return row
}
