package cmd

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/beater/importer"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/module/firewall"
	inventorymodule "github.com/qubesbeat/qubesbeat/module/inventory"
)

// logFlags are the flags of `import kernel-log`.
type logFlags struct {
	inventory, format string
	year              int
	timeout           time.Duration
}

// importLogCommand makes verdicts of logs that are there already.
func importLogCommand(name string, options *beater.Options) *cobra.Command {
	f := &logFlags{}
	c := quiet(&cobra.Command{
		Use: "kernel-log FILE...", Args: cobra.MinimumNArgs(1),
		Short: "Send verdicts of the packets in logs of the kernel to the configured output",
		Long: "Reads logs in the forms that firewall.log_files knows, also compressed with gzip or zstd, and sends the verdicts\n" +
			"that a beat would have published which follows them; - is standard input. A log that is imported again gives the\n" +
			"same events with the same ids. Qubes are found by their addresses in the inventory of the configuration; with\n" +
			"--inventory, which must be of the time of the log, by their vifs.",
		RunE: func(c *cobra.Command, args []string) error {
			work, err := f.work(c, name, args)
			if err != nil {
				return printError(c, err)
			}
			return runImport(c, name, options, args, work, f.timeout)
		},
	})
	c.Flags().StringVar(&f.inventory, "inventory", "", "`file` with the inventory of the time of the log")
	c.Flags().IntVar(&f.year, "year", 0, "`year` of times without one (default that in which the file was changed last)")
	c.Flags().StringVar(&f.format, "format", "", "bare or ulogd, if only the kernel or only ulogd has written the file")
	addTimeout(c, &f.timeout)
	return c
}

// work checks the flags.
func (f *logFlags) work(c *cobra.Command, name string, files []string) (*importer.KernelLog, error) {
	format := kernellog.Format(f.format)
	var errs []error
	if !slices.Contains(kernellog.Formats(), format) {
		errs = append(errs, fmt.Errorf("--format: %q is neither bare nor ulogd", f.format))
	}
	if f.year != 0 && (f.year < 1970 || f.year >= 2200) {
		errs = append(errs, fmt.Errorf("--year: %d is not between 1970 and 2200", f.year))
	}
	if err := errors.Join(append(errs, checkImport(files, f.timeout))...); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(c.InOrStdin(), formBytes)
	if err := checkForms(files, format, in); err != nil {
		return nil, err
	}
	find, err := f.find(c, name)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // "" is understood
	return &importer.KernelLog{Find: find, Config: firewall.LogConfig{Files: files, Stdin: in, Format: format, Year: f.year, Host: host}}, nil
}

// find returns what names the qubes.
func (f *logFlags) find(c *cobra.Command, name string) (*enrich.Enricher, error) {
	conf, err := beater.ReadConfig(name)
	if err != nil {
		return nil, err
	}
	path := cmp.Or(f.inventory, conf.Inventory.File)
	if path == "" && conf.Inventory.Qrexec.Enabled {
		line := parseLine(os.Args[1:])
		path = filepath.Join(cmp.Or(line.data, filepath.Join(line.homeFolder(), "data")), inventorymodule.PushedFile)
	}
	index := inventory.NewIndex(inventory.Config{})
	find := &enrich.Enricher{Qubes: index, Downstream: index.Downstream}
	if path == "" {
		return find, nil
	}
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && f.inventory == "" {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: no inventory at %s: the events will carry no names\n", path)
		return find, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the inventory: %w", err)
	}
	defer in.Close()
	list, err := inventory.Parse(in, inventory.Config{Fields: conf.Inventory.Fields})
	if err != nil {
		return nil, fmt.Errorf("reading the inventory: %s: %w", path, err)
	}
	if f.inventory == "" {
		forgetDomains(list)
	}
	index.Update(list, time.Unix(1, 0)) // valid at any time
	return find, nil
}

// forgetDomains removes what is true at the time of an inventory only: a qube gets another
// domain id, and so another vif, at every start.
func forgetDomains(list *inventory.Snapshot) {
	for i := range list.Qubes {
		list.Qubes[i].XID, list.Qubes[i].StubXID = qube.NoDomain, 0
	}
}
