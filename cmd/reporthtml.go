package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// reportFlags are the flags of `report`.
type reportFlags struct {
	html, csv, timesketch string
	from, to, zone        string
	qubes, geoip          []string
	top                   int
	force                 bool
}

// add adds the flags to the command.
func (f *reportFlags) add(c *cobra.Command) {
	p := c.Flags()
	p.StringVar(&f.html, "html", "", "write a report to this `file`, mode 0600; - is standard output")
	p.StringVar(&f.csv, "csv", "", "write all tables to this `folder`, which is created")
	p.StringVar(&f.timesketch, "timesketch", "", "write flows, refusals, findings and other events as JSON lines for Timesketch to this `file`; - is standard output")
	p.StringVar(&f.from, "from", "", "leave out events before this `time`, such as 2026-11-21 or 2026-11-21T20:59:00Z")
	p.StringVar(&f.to, "to", "", "leave out events from this `time` on")
	p.StringSliceVar(&f.qubes, "qube", nil, "report only about the qube of this `name`; may be given several times")
	p.IntVar(&f.top, "top", 25, "rows of a table of the report")
	p.StringVar(&f.zone, "tz", "UTC", "time `zone` of the report, such as Europe/Berlin or Local")
	p.StringSliceVar(&f.geoip, "geoip", nil, "take countries and networks of addresses from this `file`: a MaxMind DB, Tor's geoip, or CSV; may be given several times")
	p.BoolVar(&f.force, "force", false, "replace files that are there")
}

// wantsFiles reports whether files are to be written.
func (f *reportFlags) wantsFiles() bool { return f.html != "" || f.csv != "" || f.timesketch != "" }

// onlyTable returns an error if a flag was given that the table on the terminal has no use
// for.
func (f *reportFlags) onlyTable(c *cobra.Command) error {
	for _, name := range []string{"from", "to", "qube", "top", "tz", "geoip", "force"} {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s needs --html, --csv or --timesketch", name)
		}
	}
	return nil
}

// run reads the files and writes what was asked for. The report is written, too, if a file
// could not be read whole: it says so.
func (f *reportFlags) run(c *cobra.Command, files []string) error {
	// Rows come and go: a heap of which a third is garbage, not half, for some more CPU.
	debug.SetGCPercent(50)
	conf, zone, err := f.config()
	if err != nil {
		return err
	}
	geo, err := geoip.Open(f.geoip...)
	if err != nil {
		return fmt.Errorf("--geoip: %w", err)
	}
	conf.Locate = locate(geo)
	out, err := f.open()
	if err != nil {
		return err
	}
	if out.timeline != nil {
		conf.Each = out.timeline.Write
	}
	a := analysis.New(conf)
	failure := f.read(c, a, files)
	wasLeftOut := a.Events == 0 && (a.Excluded > 0 || len(a.Files) == 0) // else the files have none, and the report says so
	if wasLeftOut || len(f.qubes) > 0 && len(a.Qubes()) == 0 {
		return errors.Join(failure, errNoEvents, out.discard())
	}
	o := &htmlreport.Options{Zone: zone, Top: f.top, Command: f.command(files), Version: version.Product + " " + version.Version, Geo: geoText(geo)}
	return errors.Join(failure, out.write(a, o))
}

// errNoEvents is why no report is written.
var errNoEvents = errors.New("no event was selected; nothing is written")

// config checks the flags.
func (f *reportFlags) config() (conf analysis.Config, zone *time.Location, err error) {
	var errs []error
	check := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	conf.Qubes = f.qubes
	conf.From, err = parseTime(f.from)
	check("from", err)
	conf.To, err = parseTime(f.to)
	check("to", err)
	zone, err = time.LoadLocation(f.zone)
	if err != nil {
		err = fmt.Errorf("%q is no time zone that this system knows, such as Europe/Berlin", f.zone)
	}
	check("tz", err)
	if f.top < 1 || f.top > 1000 {
		errs = append(errs, errors.New("--top must be from 1 to 1000"))
	}
	conf.Location, conf.Domain = zone, registeredDomain
	return conf, zone, errors.Join(errs...)
}

// registeredDomain returns the registered domain of a name, "" if it has none.
func registeredDomain(name string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(strings.TrimSuffix(name, ".")))
	if err != nil {
		return ""
	}
	return domain
}

// read reads all files. A file that cannot be read does not keep the others from it.
func (f *reportFlags) read(c *cobra.Command, a *analysis.Analysis, files []string) error {
	var errs []error
	show := progress(a)
	for _, path := range files {
		if err := a.Read(path, c.InOrStdin(), show); err != nil {
			errs = append(errs, err)
		}
	}
	if show != nil {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	return errors.Join(errs...)
}

// progress returns a function that shows on a terminal how far a file was read, nil if
// there is no terminal.
func progress(a *analysis.Analysis) func(*eventfile.Input) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	last := time.Now()
	return func(in *eventfile.Input) {
		if time.Since(last) < time.Second/2 {
			return
		}
		last = time.Now()
		percent := ""
		if in.Size > 0 {
			percent = fmt.Sprintf("%3d%%  ", min(100, in.BytesRead()*100/in.Size))
		}
		// The command's own writer escapes what moves the cursor.
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s%s events  %s", percent, report.Count(a.Events), safetext.Line(filepath.Base(in.Name)))
	}
}

// command returns what makes the same report again. The name of the report is not in it,
// nor are folders.
func (f *reportFlags) command(files []string) string {
	parts := []string{version.Product, "report", "--html", "FILE"}
	for _, p := range [...]struct{ name, value, usual string }{{"from", f.from, ""}, {"to", f.to, ""}, {"qube", strings.Join(f.qubes, ","), ""}, {"geoip", baseNames(f.geoip), ""}, {"tz", f.zone, "UTC"}, {"top", fmt.Sprint(f.top), "25"}} {
		if p.value != p.usual {
			parts = append(parts, "--"+p.name, p.value)
		}
	}
	for _, path := range files {
		parts = append(parts, filepath.Base(path))
	}
	return strings.Join(parts, " ")
}
