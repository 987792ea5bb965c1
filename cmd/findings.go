package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// detectSocket is how the commands reach the detection of a running beat.
type detectSocket struct{ path string }

// flag adds the flag that says where it is.
func (s *detectSocket) flag(c *cobra.Command) {
	c.PersistentFlags().StringVar(&s.path, "socket", "", "socket of the beat: path.data/detect.sock")
}

// client returns a client, or what to do if there is no socket.
func (s *detectSocket) client() (*control.Client, error) {
	path := s.path
	if path == "" {
		path = "/var/lib/qubesbeat/detect.sock"
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if _, err := os.Stat("data/detect.sock"); err == nil {
				path = "data/detect.sock"
			}
		}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such socket: the beat is not running, detect.enabled is false, or path.data is another one (--socket)", path)
	}
	return control.NewClient(path), nil
}

// get asks the beat for something.
func (s *detectSocket) get(ctx context.Context, what string, values url.Values, v any) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	return c.Get(ctx, what, values, v)
}

// post has the beat do something.
func (s *detectSocket) post(ctx context.Context, what string, values url.Values, v any) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	return c.Post(ctx, what, values, v)
}

// findingFilter selects findings.
type findingFilter struct {
	since       time.Duration
	qube, level string
	json        bool
}

// levels are those of findings, the lowest first.
var findingLevels = []string{"low", "medium", "high", "critical"}

// has reports whether a finding is wanted.
func (f *findingFilter) has(one *control.Finding, now time.Time) bool {
	return (f.since == 0 || now.Sub(one.At) <= f.since) && (f.qube == "" || f.qube == one.Qube) &&
		slices.Index(findingLevels, one.Level) >= slices.Index(findingLevels, f.level)
}

// findingsCommand returns the command that shows findings.
func findingsCommand() *cobra.Command {
	var s detectSocket
	f := findingFilter{level: "low"}
	parent := &cobra.Command{
		Use: "findings [FILE...]", Short: "Show what is odd: of the running beat, or in files of events", Args: cobra.ArbitraryArgs,
		Long: "Shows the latest findings of the running beat, or those in files of events, the newest first, one sentence each.\n" +
			"Of those before its last start the beat keeps no names: the files have the sentences.",
		RunE: func(c *cobra.Command, files []string) error {
			list, err := s.findings(c.Context(), files)
			if err == nil && !slices.Contains(findingLevels, f.level) {
				err = fmt.Errorf("--level %s: use one of %v", f.level, findingLevels)
			}
			if err != nil {
				return printError(c, err)
			}
			return showFindings(c.OutOrStdout(), list, &f, time.Now())
		},
	}
	s.flag(parent)
	parent.Flags().DurationVar(&f.since, "since", 0, "only of this long ago, such as 24h")
	parent.Flags().StringVar(&f.qube, "qube", "", "only of this qube")
	parent.Flags().StringVar(&f.level, "level", "low", "only of this level or above: low, medium, high, critical")
	parent.Flags().BoolVar(&f.json, "json", false, "print JSON")
	parent.AddCommand(
		oneFinding(&s, "show ID [FILE...]", "Show the evidence of a finding of the running beat, or in files of events", showFinding),
		oneFinding(&s, "allow ID [FILE...]", "Print the entry of detect.allow that expects such findings", showAllow),
		&cobra.Command{Use: "dismiss ID", Args: cobra.ExactArgs(1), Short: "Have the destination of a finding learned as usual",
			RunE: func(c *cobra.Command, args []string) error {
				var one control.Finding
				if err := s.post(c.Context(), "/findings/dismiss", url.Values{"id": {args[0]}}, &one); err != nil {
					return printError(c, err)
				}
				_, err := fmt.Fprintf(c.OutOrStdout(), "dismissed: %s\n", safetext.Line(one.Reason))
				return err
			}})
	return parent
}

// oneFinding returns a command about one finding of the running beat, or in files of events.
func oneFinding(s *detectSocket, use, short string, show func(io.Writer, *control.Finding) error) *cobra.Command {
	return &cobra.Command{Use: use, Args: cobra.MinimumNArgs(1), Short: short, RunE: func(c *cobra.Command, args []string) error {
		list, err := s.findings(c.Context(), args[1:])
		if err != nil {
			return printError(c, err)
		}
		for i := range list {
			if list[i].ID == args[0] {
				if err := show(c.OutOrStdout(), &list[i]); err != nil {
					return printError(c, err)
				}
				return nil
			}
		}
		return printError(c, fmt.Errorf("there is no finding %q; `qubesbeat findings` lists the latest", args[0]))
	}}
}

// findings returns those of the running beat, or those in files.
func (s *detectSocket) findings(ctx context.Context, files []string) (list []control.Finding, err error) {
	if len(files) == 0 {
		return list, s.get(ctx, "/findings", nil, &list)
	}
	for _, path := range files {
		some, err := readFindings(path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		list = append(list, some...)
	}
	slices.SortStableFunc(list, func(a, b control.Finding) int { return b.At.Compare(a.At) })
	return list, nil
}

// findingEvent is an event of a finding, as far as it is shown.
type findingEvent struct {
	At    time.Time `json:"@timestamp"`
	Event struct{ Action, Reason, Dataset string }
	Found struct {
		ID, Level, Method, Subject string
		Score                      float64
		Evidence, Names            []string
	} `json:"finding"`
	Destination struct {
		IP     string
		Port   uint16
		Domain string
	}
	Qube struct{ Name string }
}

// maxEventLine bounds a line of a file of events, in bytes.
const maxEventLine = 1 << 20

// readFindings reads the findings in a file of events, which may be compressed. Lines that
// are no events are left out.
func readFindings(path string) (list []control.Finding, err error) {
	in, err := eventfile.Open(path, os.Stdin)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	lines := eventfile.NewLines(bufio.NewReader(in), maxEventLine)
	for {
		line, tooLong, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		var e findingEvent
		if tooLong || !strings.Contains(string(line), "qubesbeat.finding") || json.Unmarshal(line, &e) != nil || e.Event.Dataset != "qubesbeat.finding" {
			continue
		}
		one := control.Finding{ID: e.Found.ID, At: e.At, Qube: e.Qube.Name, Rule: e.Event.Action, Method: e.Found.Method, Level: e.Found.Level,
			Score: e.Found.Score / 100, Reason: e.Event.Reason, Evidence: e.Found.Evidence, Names: e.Found.Names, Domain: detect.Destination(e.Destination.Domain),
			Address: e.Destination.IP, Port: e.Destination.Port}
		if one.Qube == "" {
			one.Qube = e.Found.Subject
		}
		list = append(list, one)
	}
}

// showFindings prints the findings that are wanted.
func showFindings(w io.Writer, list []control.Finding, f *findingFilter, now time.Time) error {
	kept := list[:0]
	for i := range list {
		if f.has(&list[i], now) {
			kept = append(kept, list[i])
		}
	}
	if f.json {
		return json.NewEncoder(w).Encode(kept)
	}
	if len(kept) == 0 {
		_, err := fmt.Fprintln(w, "nothing odd was found")
		return err
	}
	t := newTable(safetext.NewWriter(w))
	fmt.Fprintln(t, "TIME\tLEVEL\tRULE\tQUBE\tID\tWHAT")
	for _, one := range kept {
		what := safetext.Cell(one.Reason)
		if one.Dismissed {
			what += " (dismissed)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", stamp(one.At), one.Level, one.Rule, safetext.Cell(one.Qube), one.ID, what)
	}
	return t.Flush()
}

// showFinding prints what speaks for a finding.
func showFinding(w io.Writer, f *control.Finding) error {
	out := safetext.NewWriter(w)
	fmt.Fprintf(out, "%s\n\n%s %s, score %.2f, %s, %s\n", safetext.Line(f.Reason), f.Level, f.Rule, f.Score, safetext.Line(f.Qube), stamp(f.At))
	for _, e := range f.Evidence {
		fmt.Fprintf(out, "  %s\n", safetext.Line(e))
	}
	for _, n := range f.Names {
		fmt.Fprintf(out, "  name: %s\n", safetext.Line(n))
	}
	_, err := fmt.Fprintf(w, "\nexpected? qubesbeat findings dismiss %s, or qubesbeat findings allow %s for good\n", f.ID, f.ID)
	return err
}

// showAllow prints the setting that expects such findings.
func showAllow(w io.Writer, f *control.Finding) error {
	if f.Earlier {
		return fmt.Errorf("%s was found in an earlier run, of which no names are kept; add a file with its event: qubesbeat findings allow %s FILE", f.ID, f.ID)
	}
	where := ""
	switch {
	case f.Domain != "":
		where = fmt.Sprintf(", domains: [%q]", f.Domain)
	case f.Address != "":
		where = fmt.Sprintf(", networks: [%q]", f.Address)
	}
	if f.Port != 0 {
		where += fmt.Sprintf(", ports: [%d]", f.Port)
	}
	_, err := fmt.Fprintf(w, "qubesbeat.detect.allow:\n  - {qubes: [%q], rules: [%s]%s, reason: \"\"}\n", safetext.Line(f.Qube), f.Rule, where)
	return err
}
