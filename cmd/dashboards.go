package cmd

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/paths"
	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat"
)

// dashboards are those of packetbeat, which the binary carries. libbeat reads
// dashboards from the folder kibana beside the program; where there is none, it
// gets ours, in a folder that is there while setup runs.
type dashboards struct {
	name string
	dir  string // the folder, once it is written
}

// overrides point libbeat to the dashboards, and to the index pattern of the
// name that the beat runs under, unless the user has. Any other command is left
// alone: to libbeat, a setting of dashboards is a wish to load them.
func (d *dashboards) overrides() []cfgfile.ConditionalOverride {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("%s-dashboards-%d", ownName, os.Getpid()))
	return []cfgfile.ConditionalOverride{
		{
			Check: func(c *config.C) bool {
				return isSetup() && !says(c, "setup.dashboards.directory", "setup.dashboards.file", "setup.dashboards.url") &&
					!hasFolder() && d.unpack(dir) == nil
			},
			Config: config.MustNewConfigFrom(map[string]any{"setup.dashboards.directory": dir}),
		},
		{
			Check: func(c *config.C) bool {
				return isSetup() && d.name != packetbeatName && !says(c, "setup.dashboards.index")
			},
			Config: config.MustNewConfigFrom(map[string]any{"setup.dashboards.index": d.name + "-*"}),
		},
	}
}

// isSetup tells the command that wants dashboards apart from those that run for
// long and must leave no file.
func isSetup() bool {
	for _, arg := range os.Args[1:] {
		if arg == "setup" {
			return true
		}
	}
	return false
}

func says(c *config.C, keys ...string) bool {
	for _, key := range keys {
		if ok, err := c.Has(key, -1); err == nil && ok {
			return true
		}
	}
	return false
}

func hasFolder() bool {
	_, err := os.Stat(paths.Resolve(paths.Home, "kibana"))
	return !errors.Is(err, fs.ErrNotExist)
}

// unpack writes the dashboards into a folder that must be new: in a place where
// others may write, an old one could be anybody's.
func (d *dashboards) unpack(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	d.dir = dir
	archive, err := zip.NewReader(bytes.NewReader(qubesbeat.Dashboards), int64(len(qubesbeat.Dashboards)))
	if err != nil {
		return err
	}
	return os.CopyFS(dir, archive)
}

// removeAfter lets setup remove the folder when it is done.
func (d *dashboards) removeAfter(root *cmd.BeatsRootCmd) {
	run := root.SetupCmd.Run
	root.SetupCmd.Run = func(c *cobra.Command, args []string) {
		defer func() {
			if d.dir != "" {
				_ = os.RemoveAll(d.dir)
			}
		}()
		run(c, args)
	}
}
