package cmd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/elastic/beats/v7/libbeat/api"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/beater/settings"
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/localdata"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/module/dns"
)

// extendTestConfig has `test config`, and no other command, look at the files and
// directories that the settings name.
func extendTestConfig(root *cmd.BeatsRootCmd, options *beater.Options) {
	for _, c := range root.TestCmd.Commands() {
		if c.Name() != "config" {
			continue
		}
		libbeat := c.Run
		c.Run = func(c *cobra.Command, args []string) {
			options.Checking = true
			if conf, err := beater.ReadConfig(Identity(os.Args)); err == nil { // otherwise libbeat reports it
				warnHosts(c.ErrOrStderr(), &conf.Resolver)
				warnLists(c.ErrOrStderr(), &conf.Resolver)
				warnSockets(c.ErrOrStderr(), conf)
			}
			if err := checkHTTP(c.ErrOrStderr()); err != nil {
				fmt.Fprintln(c.ErrOrStderr(), "Exiting: "+err.Error())
				os.Exit(1)
			}
			libbeat(c, args)
		}
	}
}

// warnHosts names the lines of hosts files that a start leaves out.
func warnHosts(stderr io.Writer, r *config.Resolver) {
	if !r.On() {
		return
	}
	for _, path := range r.HostsFiles {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		faults, _ := localdata.HostsFaults(f)
		_ = f.Close()
		for _, fault := range faults {
			fmt.Fprintf(stderr, "qubesbeat: resolver.hosts_files: %s: left out: %s\n", path, safetext.Line(fault))
		}
	}
}

// warnLists names the lines of the user's own lists that a start leaves out.
func warnLists(stderr io.Writer, r *config.Resolver) {
	if !r.On() {
		return
	}
	set, err := dns.Parse(r)
	if err != nil {
		return
	}
	set.ListFaults(func(list, source, fault string) {
		fmt.Fprintf(stderr, "qubesbeat: resolver.lists.%s: %s: left out: %s\n", list, safetext.Line(source), safetext.Line(fault))
	})
}

// madeByUnit is the directory of sockets that the unit makes.
const madeByUnit = "/run/qubesbeat"

// warnSockets names the directories of the sockets for dom0 that must be there at a start.
func warnSockets(stderr io.Writer, c *config.Config) {
	for key, q := range map[string]config.Qrexec{"inventory.qrexec.socket": c.Inventory.Qrexec, "verify.probes.socket": c.Verify.Probes} {
		if dir := filepath.Dir(q.Socket); q.Enabled && dir != madeByUnit {
			warnDir(stderr, key, dir)
		}
	}
}

// warnDir names the directory of a socket if it is missing.
func warnDir(stderr io.Writer, key, dir string) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(stderr, "qubesbeat: %s: there is no directory %s; make it before a start, which fails without it\n", key, dir)
	}
}

// checkHTTP returns an error if libbeat's own server could not start with its settings,
// which libbeat looks at in a start only.
func checkHTTP(stderr io.Writer) error {
	whole, err := common.LoadFiles(settings.Files()...)
	if err != nil {
		return nil //nolint:nilerr // libbeat reports it
	}
	if over := settings.CommandLine(); over != nil {
		_ = whole.Merge(over)
	}
	all := struct {
		HTTP api.Config `config:"http"`
	}{api.DefaultConfig}
	if err := whole.Unpack(&all); err != nil {
		return nil //nolint:nilerr // libbeat reports it
	}
	if p := all.HTTP.Port; all.HTTP.Enabled && (p < 0 || p > math.MaxUint16) {
		return fmt.Errorf("http.port: %d is not within 0 and %d", p, math.MaxUint16)
	}
	if all.HTTP.Enabled {
		return checkHTTPHost(stderr, all.HTTP.Host)
	}
	return nil
}

// checkHTTPHost returns an error if libbeat's own server can never listen at a host: the path
// of a socket, an address or a name. Names are not looked up.
func checkHTTPHost(stderr io.Writer, host string) error {
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		warnDir(stderr, "http.host", filepath.Dir(path))
		return nil
	}
	name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(host, "http://"), "["), "]")
	if _, err := netip.ParseAddr(name); err != nil && strings.Trim(name, "0123456789.") == "" && name != "" {
		return fmt.Errorf("http.host: %s is neither an address nor a name", host)
	}
	return nil
}
