package cmd

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/beater/importer"
	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/eventimport"
)

// importFlags are the flags of `import events`.
type importFlags struct {
	from, to      string
	qubes         []string
	again, dryRun bool
	timeout       time.Duration
}

// importEventsCommand sends files of events to the output.
func importEventsCommand(name string, options *beater.Options) *cobra.Command {
	f := &importFlags{}
	c := quiet(&cobra.Command{
		Use: "events FILE...", Args: cobra.MinimumNArgs(1),
		Short: "Send files of events to the configured output",
		Long: "Reads files that output.file has written, or packetbeat's, also compressed with gzip or zstd, and sends their events\n" +
			"as they are to the output of the configuration; - is standard input. In Elasticsearch they get data streams of their\n" +
			"own, one for each day, in which no event is twice. Run it again after an interruption: it sends the rest.",
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := f.config(c, args)
			if err == nil && f.dryRun {
				err = dryRun(c, conf)
			}
			if err != nil || f.dryRun {
				return printError(c, err)
			}
			return runImport(c, name, options, args, &importer.Events{Config: conf, Again: f.again}, f.timeout)
		},
	})
	c.Flags().StringVar(&f.from, "from", "", "leave out events before this `time`, such as 2026-11-21 or 2026-11-21T20:59:00Z")
	c.Flags().StringVar(&f.to, "to", "", "leave out events from this `time` on")
	c.Flags().StringSliceVar(&f.qubes, "qube", nil, "send only the events about the qube of this `name`; may be given several times")
	c.Flags().BoolVar(&f.again, "again", false, "send also what an earlier import has sent to this output")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "read the files and send nothing")
	addTimeout(c, &f.timeout)
	return c
}

// addTimeout adds the flag of all imports.
func addTimeout(c *cobra.Command, timeout *time.Duration) {
	c.Flags().DurationVar(timeout, "timeout", time.Minute, "give up when the output has acknowledged nothing for that long")
}

// config checks the flags and the names of the files.
func (f *importFlags) config(c *cobra.Command, files []string) (conf eventimport.Config, err error) {
	conf = eventimport.Config{Files: files, Stdin: c.InOrStdin(), Filter: eventimport.Filter{Qubes: f.qubes}}
	var errs []error
	if conf.Filter.From, err = parseTime(f.from); err != nil {
		errs = append(errs, fmt.Errorf("--from: %w", err))
	}
	if conf.Filter.To, err = parseTime(f.to); err != nil {
		errs = append(errs, fmt.Errorf("--to: %w", err))
	}
	return conf, errors.Join(append(errs, checkImport(files, f.timeout))...)
}

// checkImport checks what all imports have. It opens files, so that a wrong name is found
// before anything is sent.
func checkImport(files []string, timeout time.Duration) error {
	var errs []error
	if timeout <= 0 {
		errs = append(errs, errors.New("--timeout must be above 0"))
	}
	for _, path := range files {
		if path == eventfile.Stdin {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading events: %w", err))
			continue
		}
		_ = f.Close()
	}
	return errors.Join(errs...)
}

// parseTime reads a day, which begins at midnight UTC, or a time of RFC 3339. "" is the
// zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day such as 2026-11-21 nor a time such as 2026-11-21T20:59:00Z", text)
}

// dryRun reads the files and prints what an import would send.
func dryRun(c *cobra.Command, conf eventimport.Config) error {
	var it *eventimport.Import
	conf.Publish = func(*eventfile.Event) { it.Acked(1) }
	it = eventimport.New(conf)
	begun := time.Now()
	err := it.Run(c.Context())
	counts := it.Counts()
	fmt.Fprint(c.OutOrStdout(), counts.DryRun(time.Since(begun)))
	if err == nil && counts.Unreadable > 0 {
		err = fmt.Errorf("%d lines are unreadable and would be left out", counts.Unreadable)
	}
	return err
}

// runImport runs a beat that imports. libbeat prints the error.
func runImport(c *cobra.Command, name string, options *beater.Options, files []string, work importer.Work, timeout time.Duration) error {
	// Progress moves the cursor, and makes its own text harmless.
	o := &importer.Options{Work: work, Timeout: timeout, Configured: options.Configured,
		Stderr: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd()))}
	var process processing.SupportFactory = o.Processing
	_, isEvents := work.(*importer.Events)
	if !isEvents {
		process = options.Processing()
	}
	options.Flags.Files = files // what is read from files has nothing to wait for
	c.SilenceErrors = true
	return instance.Run(instance.Settings{Name: name, Processing: process,
		ConfigOverrides: append([]cfgfile.ConditionalOverride{importer.Adapt(name, overwrites(), !isEvents)}, options.Overrides()...)},
		importer.Creator(o))
}
