package cmd

import (
	"fmt"
	"os"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// extendTestOutput teaches `test output` the file output, which is our default
// and which libbeat cannot test. Other outputs are left to libbeat.
func extendTestOutput(root *cmd.BeatsRootCmd) {
	for _, c := range root.TestCmd.Commands() {
		if c.Name() != "output" {
			continue
		}
		libbeat := c.Run
		c.Run = func(c *cobra.Command, args []string) {
			dir, isFile, err := fileOutput()
			if err == nil && !isFile {
				libbeat(c, args)
				return
			}
			if err == nil {
				err = testFolder(c, dir)
			}
			if err != nil {
				_ = complain(c, err)
				os.Exit(1)
			}
		}
	}
}

// fileOutput returns the folder of the file output, where that is the output.
func fileOutput() (dir string, isFile bool, err error) {
	if err := cfgfile.HandleFlags(); err != nil {
		return "", false, err
	}
	cfg, err := cfgfile.Load("", nil)
	if err != nil {
		return "", false, fmt.Errorf("loading the configuration: %w", err)
	}
	if ok, err := cfg.Has("output.file.path", -1); err != nil || !ok {
		return "", false, nil //nolint:nilerr // not ours to judge
	}
	if on, err := cfg.Bool("output.file.enabled", -1); err == nil && !on {
		return "", false, nil
	}
	dir, err = cfg.String("output.file.path", -1)
	return dir, true, err
}

// testFolder checks that a file can be made, written and removed, in the folder
// or, where it does not exist yet, in the one that it will be made in.
func testFolder(c *cobra.Command, dir string) error {
	exists, err := preflight.Dir(dir)
	if err != nil {
		return fmt.Errorf("file output: %w; choose another output.file.path or give the beat's user the right to write there", err)
	}
	made := ""
	if !exists {
		made = " (will be made)"
	}
	fmt.Fprintf(c.OutOrStdout(), "file: %s%s...\n  write... OK\n", dir, made)
	return nil
}
