// Package cmd is the command line: libbeat's commands and qubesbeat's own.
package cmd

import (
	"flag"

	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/spf13/pflag"

	"github.com/qubesbeat/qubesbeat/beater"
)

// Name is the name under which the beat reads its configuration and writes its
// indices.
const Name = "qubesbeat"

// Root builds the command tree.
func Root() *cmd.BeatsRootCmd {
	options := &beater.Options{Flags: beater.Define(flag.CommandLine)}
	runFlags := pflag.NewFlagSet(Name, pflag.ExitOnError)
	for _, name := range []string{"I", "t", "O", "l"} {
		runFlags.AddGoFlag(flag.CommandLine.Lookup(name))
	}
	options.KeepQuiet()
	beater.RegisterCodec()
	registerFields()
	allowProfiling()
	root := cmd.GenRootCmdWithSettings(beater.Creator(options), instance.Settings{
		Name:            Name,
		RunFlags:        runFlags,
		Processing:      options.Processing(),
		ConfigOverrides: options.Overrides(),
		InputQueueSize:  400,
	})
	root.Short = "Qubes OS network monitor: flow events with the qube's name"
	root.SilenceUsage = true
	root.VersionCmd.Run = printVersion
	extendTestOutput(root)
	root.AddCommand(devicesCommand(), inventoryCommand(), reportCommand())
	return root
}
