package cmd

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
	"github.com/qubesbeat/qubesbeat/internal/report"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// statusCommand shows where each qube goes.
func statusCommand(root string) *cobra.Command {
	v := &verifier{root: root}
	asJSON := false
	c := usageExit(&cobra.Command{
		Use: "status [QUBE]", Args: cobra.MaximumNArgs(1), Short: "Show each attached qube, where its packets go, and what was found out about it",
		Long: "Shows what the running beat (verify.enabled) knows, or what a capture file shows with -I. The exit status is 0 also if a\n" +
			"check fails, which `qubesbeat verify` is for; 2 for a mistake on the command line; and 3 if there is nothing to show, or\n" +
			"not all: the beat does not answer, a file cannot be read, or the qube is not attached.",
		RunE: func(c *cobra.Command, args []string) error {
			w, fault := v.view(c.Context())
			if w == nil {
				return noVerdict(c, fault)
			}
			if err := v.status(c, w, args, asJSON); err != nil {
				return noVerdict(c, err)
			}
			return noVerdict(c, fault)
		},
	})
	v.flags(c)
	c.Flags().StringVarP(&v.file, "file", "I", "", "read this capture `file` instead of asking the running beat")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// status writes what the verdicts say about all qubes, or one.
func (v *verifier) status(c *cobra.Command, w *judge.View, args []string, asJSON bool) error {
	switch {
	case len(args) == 1:
		return statusOf(c.OutOrStdout(), w, args[0], asJSON)
	case asJSON:
		return printJSON(c.OutOrStdout(), w)
	}
	return status(c, w, v.behind())
}

// ofQube returns the part of a view that is about one qube.
func ofQube(v *judge.View, q *judge.QubeView) *judge.View {
	one := *v
	one.Qubes = []judge.QubeView{*q}
	one.Verdicts = (&verdictView{qube: q.Name}).chosen(v)
	one.External = slices.DeleteFunc(slices.Clone(v.External), func(e judge.External) bool { return e.Qube != q.Name })
	return &one
}

// behind returns the inventory, nil if there is none.
func (v *verifier) behind() *inventory.Index {
	conf, err := beater.ReadConfig(v.root)
	if err != nil {
		return nil
	}
	index, err := readIndex(conf)
	if err != nil {
		return nil
	}
	return index
}

// status writes the table of qubes. Names have the colours of their labels on a terminal, so
// it writes to standard output itself.
func status(c *cobra.Command, v *judge.View, index *inventory.Index) error {
	out, colour := c.OutOrStdout(), wantsColour()
	if colour {
		out = os.Stdout
	}
	fmt.Fprintln(out, statusHead(v))
	rows := [][]string{{"QUBE", "IP", "VIF", "EXIT", "GOES TO", "VERDICT"}}
	labels := []string{""}
	for i := range v.Qubes {
		q := &v.Qubes[i]
		rows = append(rows, []string{line(q.Name), dash(q.IP), dash(q.Vif), dash(q.Exit), line(goesTo(q, v.At)), line(summary(v, q))})
		labels = append(labels, q.Label)
	}
	writeRows(out, rows, labels, colour)
	for _, text := range behindText(v, index) {
		fmt.Fprintln(out, line(text))
	}
	return nil
}

// statusHead returns the line about this machine.
func statusHead(v *judge.View) string {
	rules := "rules not read"
	if v.Rules {
		rules = fmt.Sprintf("rules read, qvm-firewall loaded for %d", v.Firewall)
	}
	self := "this machine"
	if name := selfName(); name != "" {
		self = line(name)
	}
	return fmt.Sprintf("%s  since %s  %s, %s of %s lost  %s", self, v.Since.Local().Format(time.DateTime), report.Counted(uint64(v.Vifs), "vif"),
		report.Count(v.Lost), report.Counted(v.Packets, "packet"), rules)
}

// selfName returns the name of this qube, "" if it is none.
func selfName() string {
	if values := qubesdb.Values(qubesdb.Path, "/name"); len(values) > 0 {
		return values[0]
	}
	return ""
}

// writeRows writes a table whose first column has the colours of labels.
func writeRows(w io.Writer, rows [][]string, labels []string, colour bool) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 && colour && labels[n] != "" {
				cell = report.Colour(labels[n], cell)
			}
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(pad + "  ")
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// goesTo returns where the last packets of a qube went.
func goesTo(q *judge.QubeView, now time.Time) string {
	ago := ""
	if !q.LastAt.IsZero() {
		ago = ", " + now.Sub(q.LastAt).Round(time.Second).String() + " ago"
	}
	switch {
	case q.Last == "":
		return "-"
	case q.Tunnel != "" && slices.Contains(q.Endpoints, q.Last):
		return fmt.Sprintf("%s %s, %s%s", q.Last, q.Protocol, q.Tunnel, ago)
	case q.Tunnel != "":
		return fmt.Sprintf("%s, no endpoint%s; tunnel: %s", q.Last, ago, q.Tunnel)
	case q.Looks != nil:
		return fmt.Sprintf("%s, looks like %s%s", q.Last, q.Looks.Protocol, ago)
	case q.Peers > 1:
		return fmt.Sprintf("%s, %d destinations%s", q.Last, q.Peers, ago)
	}
	return q.Last + ago
}

// summary returns the verdicts on a qube in a few words.
func summary(v *judge.View, q *judge.QubeView) string {
	var fails, passes, doubts []string
	for i := range v.Verdicts {
		switch l := &v.Verdicts[i]; {
		case l.Subject != q.Name:
		case l.Verdict == judge.Fail.String():
			fails = append(fails, l.Check)
		case l.Verdict == judge.Pass.String() && !l.Stale:
			passes = append(passes, l.Check)
		case !isQuiet(l):
			doubts = append(doubts, l.Check)
		}
	}
	switch {
	case len(fails) > 0:
		return "FAIL " + strings.Join(fails, ", ")
	case q.Exit == "" && len(passes) == 0:
		return "no expectation"
	case len(doubts) > 0:
		return "not known: " + strings.Join(doubts, ", ")
	case len(passes) > 0:
		return "ok: " + strings.Join(passes, ", ")
	}
	return "not known"
}

// behindText lists the qubes that are behind those that are attached.
func behindText(v *judge.View, index *inventory.Index) (lines []string) {
	for _, q := range v.Qubes {
		if !q.Provides {
			continue
		}
		if names := index.Downstream(q.Name); len(names) > 0 {
			lines = append(lines, fmt.Sprintf("behind %s (not seen one by one): %s", q.Name, strings.Join(names, ", ")))
		}
	}
	return lines
}

// statusOf writes all that is known of one qube, and beside each line the command that it
// stands for.
func statusOf(w io.Writer, v *judge.View, name string, asJSON bool) error {
	i := slices.IndexFunc(v.Qubes, func(q judge.QubeView) bool { return q.Name == name })
	if i < 0 {
		return fmt.Errorf("%s is not attached here, or has sent nothing yet; `qubesbeat map` shows who is behind whom", name)
	}
	q := &v.Qubes[i]
	if asJSON {
		return printJSON(w, ofQube(v, q))
	}
	t := newTable(w)
	for _, row := range [][3]string{
		{"netvm", dash(q.NetVM), "qvm-prefs " + name + " netvm"},
		{"address", dash(q.IP) + " on " + dash(q.Vif), "ip a"},
		{"expected", dash(strings.TrimSpace(q.Exit + " " + strings.Join(q.Endpoints, " "))), ""},
		{"source", dash(q.Source), ""},
		{"goes to", goesTo(q, v.At), "traceroute"},
		{"packets", report.Count(q.Packets), "tcpdump -i " + dash(q.Vif)},
	} {
		fmt.Fprintf(t, "%s\t%s\t%s\n", row[0], line(row[1]), line(row[2]))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return (&verdictView{qube: name, all: true}).write(w, v)
}
