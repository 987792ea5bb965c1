package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/bundle"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// pcapExport returns `pcap export`.
func pcapExport(s *pcapStore) *cobra.Command {
	var a pcapArgs
	out, events := "", []string{}
	c := &cobra.Command{
		Use: "export -o FILE {--qube NAME [--from TIME] [--to TIME] | --event FILE --around SPAN}", Args: cobra.NoArgs,
		Short: "Write a bundle for a machine without a network: packets of a qube, its events, and what proves them",
		Long: "Writes a tar archive with the files of packets as they were stored, the events of the same qube and time, the qube as\n" +
			"it was then, and the chain up to a stats event that confirms it. -o - is standard output, for qrexec. `pcap verify\n" +
			"BUNDLE` checks it with nothing else. The same content gives the same bytes.",
		Example: "  qubesbeat pcap export --qube work --from 22:00 --to 23:00 -o bundle.tar",
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case out == "":
				return printError(c, usageError(c, "%s: where to is not said; give -o FILE, or -o - for standard output", pcapName(c)))
			case a.qube == "" && a.around <= 0:
				return printError(c, usageError(c, "%s: which packets is not said; give --qube, or --event with --around", pcapName(c)))
			}
			return a.find(c, s, func(r *packetstore.Reader, f *pcapFound) error {
				paths, err := eventPaths(events)
				if err != nil {
					return fmt.Errorf("%s: --events: %w", pcapName(c), err)
				}
				return f.export(c, r, out, paths, len(events) > 0)
			})
		},
	}
	a.registerRange(c, s)
	c.Flags().StringVarP(&out, "output", "o", "", "file to write; - for standard output")
	c.Flags().StringArrayVar(&events, "events", nil, "file with events, or folder with such files; by default output.file.path")
	return c
}

// eventPaths returns the files of events, those of a folder in the order of their names. What the
// command line names must be there.
func eventPaths(given []string) (paths []string, err error) {
	named := len(given) > 0
	if !named {
		dir, isFile, err := fileOutput()
		if err != nil || !isFile {
			dir = "/var/lib/qubesbeat/events"
		}
		given = []string{dir}
	}
	for _, path := range given {
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			paths = append(paths, path)
			continue
		case err != nil && named:
			return nil, err
		}
		found, _ := filepath.Glob(filepath.Join(path, "*.ndjson*"))
		if len(found) == 0 && named {
			return nil, fmt.Errorf("%s has no file whose name has .ndjson in it", safetext.Line(path))
		}
		slices.Sort(found)
		paths = append(paths, found...)
	}
	return paths, nil
}

// export writes a bundle of what was asked for.
func (f *pcapFound) export(c *cobra.Command, r *packetstore.Reader, out string, events []string, named bool) error {
	if err := f.outside(c, out); err != nil {
		return err
	}
	q := &f.wanted.Query
	if f.around > 0 {
		all := f.wanted.Around(f.around)
		if len(all) != 1 {
			return fmt.Errorf("a bundle is about one qube; the events are of %d", len(all))
		}
		q = all[0]
	}
	e, err := bundle.NewExport(r, bundle.Manifest{Program: "qubesbeat " + version.Version, Qube: q.Qube, From: q.From.UTC(), To: q.To.UTC()})
	if errors.Is(err, bundle.ErrNone) {
		return withExit(exitNone, fmt.Errorf("%s: %s", pcapName(c), f.gone(r)))
	}
	if err != nil {
		return err
	}
	if err := readExported(e, events, named); err != nil {
		return err
	}
	if err := writeFile(c.Context(), out, func(ctx context.Context, w io.Writer) error { return e.Write(ctx, w, r) }); err != nil {
		return err
	}
	anchor := "no stats event confirms them (--events says where events are)"
	if a := e.Events.Anchor; a != nil {
		anchor = "confirmed by the stats event of " + stamp(a.At) + " UTC"
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s of %s, %s\n", report.Counted(uint64(e.Segments()), "file"), safetext.Line(q.Qube), anchor)
	for _, text := range e.Problems {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s\n", text)
	}
	parts := f.absent(r)
	if n := len(e.Problems); n > 0 {
		parts = append([]string{report.Counted(uint64(n), "problem") + ": not all is as it was stored, and pcap verify of the bundle says so, too"}, parts...)
	}
	if text := strings.Join(parts, "; "); text != "" {
		return withExit(exitSome, fmt.Errorf("%s: %s", pcapName(c), text))
	}
	return nil
}

// readExported reads the files of events. That none has any is an error if the command line names them.
func readExported(e *bundle.Export, paths []string, named bool) (none error) {
	some := false
	for _, path := range paths {
		switch err := e.Events.Read(path); {
		case err == nil:
			some = true
		case errors.Is(err, bundle.ErrNoEvents):
			none = err
		default:
			return err
		}
	}
	if some || !named {
		return nil
	}
	return none
}

// writeFile has a file written, which is not touched after an error; - is standard output.
func writeFile(ctx context.Context, path string, do func(context.Context, io.Writer) error) error {
	if path == "-" {
		return do(ctx, os.Stdout) // as it is: it is not text
	}
	f, err := createOut(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<18)
	if err = do(ctx, w); err == nil {
		err = w.Flush()
	}
	return errors.Join(err, f.finish(err == nil))
}

// verifyBundle checks a bundle.
func verifyBundle(c *cobra.Command, path string) error {
	in, name := c.InOrStdin(), "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return printError(c, fmt.Errorf("%s: %w", pcapName(c), err))
		}
		defer f.Close()
		in, name = bufio.NewReaderSize(f, 1<<18), path
	}
	v, err := bundle.Verify(c.Context(), in)
	if err != nil {
		return printError(c, fmt.Errorf("%s: %s: %w", pcapName(c), name, err))
	}
	for _, p := range v.Problems {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s\n", p)
	}
	if n := len(v.Problems); n > 0 {
		return printError(c, fmt.Errorf("%s: %s: %s", pcapName(c), name, report.Counted(uint64(n), "problem")))
	}
	return sumBundle(c.OutOrStdout(), v)
}

// sumBundle says what a bundle has that is whole.
func sumBundle(w io.Writer, v *bundle.Checked) error {
	m := &v.Manifest
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of packets, chain of %s: whole\n", safetext.Line(m.Qube), report.Counted(uint64(v.Segments), "file"), report.Counted(uint64(len(m.Chain)), "line"))
	if a := m.Anchor; a != nil {
		fmt.Fprintf(&b, "compare with the stats event of %s UTC (%s): stats.packets.chain is %s\n", stamp(a.At), dash(safetext.Line(a.Host)), safetext.Line(a.Chain))
	} else {
		fmt.Fprintln(&b, "no stats event is named that confirms the chain")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
