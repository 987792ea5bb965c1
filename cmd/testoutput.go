package cmd

import (
	"fmt"
	"os"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/cmd/outputcheck"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// extendTestOutput makes `test output` work for the file output, which is our default
// and which libbeat cannot test, and has it say what is wrong with those that reach a
// server. libbeat still tests the others.
func extendTestOutput(root *cmd.BeatsRootCmd, settings instance.Settings) {
	for _, c := range root.TestCmd.Commands() {
		if c.Name() != "output" {
			continue
		}
		libbeat := c.Run
		c.Run = func(c *cobra.Command, args []string) {
			dir, isFile, err := fileOutput()
			switch {
			case err != nil:
			case isFile:
				err = testFolder(c, dir)
			default:
				err = testServer(settings, func() { libbeat(c, args) })
			}
			if err != nil {
				_ = printError(c, err)
				os.Exit(1)
			}
		}
	}
}

// testServer tests an output that reaches a server, and calls otherwise for any other.
func testServer(settings instance.Settings, otherwise func()) error {
	b, err := instance.NewInitializedBeat(settings)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	output := b.Config.Output
	if !outputcheck.Knows(output.Name()) {
		otherwise()
		return nil
	}
	return outputcheck.Run(b.Info, output.Name(), output.Config(), os.Stdout)
}

// fileOutput returns the folder of the file output and whether that output is enabled.
func fileOutput() (dir string, isFile bool, err error) {
	if err := cfgfile.HandleFlags(); err != nil {
		return "", false, err
	}
	cfg, err := cfgfile.Load("", nil)
	if err != nil {
		return "", false, fmt.Errorf("loading the configuration: %w", err)
	}
	if ok, err := cfg.Has("output.file.path", -1); err != nil || !ok {
		return "", false, nil //nolint:nilerr // libbeat reports it
	}
	if on, err := cfg.Bool("output.file.enabled", -1); err == nil && !on {
		return "", false, nil
	}
	dir, err = cfg.String("output.file.path", -1)
	return dir, true, err
}

// testFolder checks that a file can be created, written and removed in dir, or, if dir
// does not exist yet, in the nearest parent that does.
func testFolder(c *cobra.Command, dir string) error {
	exists, err := preflight.Dir(dir)
	if err != nil {
		return fmt.Errorf("file output: %w; choose another output.file.path or give the beat's user write access there", err)
	}
	note := ""
	if !exists {
		note = " (will be created)"
	}
	fmt.Fprintf(c.OutOrStdout(), "file: %s%s...\n  write... OK\n", dir, note)
	return nil
}
