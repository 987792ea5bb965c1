// Package cmd is the command line: libbeat's commands and qubesbeat's own.
package cmd

import (
	"flag"
	"os"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/packetbeat/include"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/module/transaction/analyzer"
)

// Root returns the command tree, under the name that the command line of the
// process asks for. It may be called once in a process: the flags of libbeat are
// global. In the process that runs the protocol analyzers it does not return.
func Root() *cmd.BeatsRootCmd {
	if analyzer.IsChild() {
		os.Exit(analyzer.Main())
	}
	ignoreSignals()
	name := Identity(os.Args)
	options := &beater.Options{Flags: defineFlags(flag.CommandLine), Configured: keepQuiet()}
	runFlags := pflag.NewFlagSet(name, pflag.ExitOnError)
	for _, f := range []string{"I", "t", "O", "l", "dump"} {
		runFlags.AddGoFlag(flag.CommandLine.Lookup(f))
	}
	publish.RegisterCodec()
	options.Files.Register()
	registerFields(name)
	allowSyscalls()
	settings := instance.Settings{
		Name:            name,
		IndexPrefix:     name,
		RunFlags:        runFlags,
		HasDashboards:   true,
		Processing:      options.Processing(),
		ConfigOverrides: append(options.Overrides(), dashboards(name)...),
		InputQueueSize:  400,
		Initialize:      []func(){include.InitializeModule},
	}
	root := cmd.GenRootCmdWithSettings(beater.Creator(options), settings)
	if !calledPacketbeat(os.Args) {
		_ = cfgfile.ChangeDefaultCfgfileFlag(ownName) // the name follows from the default file, not the file from the name
	}
	root.Short = "Qubes OS network monitor: flows and transactions with the qube's name"
	root.SilenceUsage = true
	root.VersionCmd.Run = func(c *cobra.Command, _ []string) { printVersion(c, name) }
	setStreams(&root.Command, os.Stdout, os.Stderr)
	extendTestConfig(root, options)
	extendTestOutput(root, settings)
	root.AddCommand(devicesCommand(), qubesCommand(name), inventoryCommand(), reportCommand(), dnsCommand(), topCommand(), pcapCommand(name), mapCommand(name),
		importCommand(name, options), archiveCommand(), verifyCommand(name), statusCommand(name), findingsCommand(), baselineCommand(), detectCommand())
	return root
}
