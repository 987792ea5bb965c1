package cmd

import (
	"cmp"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/qubesbeat/qubesbeat/config"
)

// The names under which the beat runs. A name is the root of the configuration,
// the default configuration file, and what index, template, lifecycle policy,
// keystore and agent.type are called.
const (
	ownName        = "qubesbeat"
	packetbeatName = "packetbeat"
)

// Identity returns the name for a command line: packetbeat if the program is
// called so, or if the configuration has a packetbeat root and no qubesbeat root.
// libbeat needs it before it reads the configuration.
func Identity(args []string) string {
	if calledPacketbeat(args) {
		return packetbeatName
	}
	line := parseLine(args[1:])
	roots := map[string]bool{}
	for _, file := range line.files() {
		for _, key := range config.TopLevel(file) {
			root, _, _ := strings.Cut(key.Name, ".")
			roots[root] = true
		}
	}
	for _, setting := range line.settings {
		root, _, _ := strings.Cut(setting, ".")
		roots[root] = true
	}
	if roots[packetbeatName] && !roots[ownName] {
		return packetbeatName
	}
	return ownName
}

func calledPacketbeat(args []string) bool {
	return strings.TrimSuffix(filepath.Base(args[0]), ".exe") == packetbeatName
}

// commandLine holds the flags that decide which files are read.
type commandLine struct {
	config           []string // -c
	settings         []string // -E
	home, path, data string   // --path.home, --path.config, --path.data
}

// parseLine picks these flags out; libbeat reports what is wrong with the others.
// Flags without a value are declared, so that they may stand before others behind
// one dash.
func parseLine(args []string) (l commandLine) {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	set.ParseErrorsWhitelist.UnknownFlags = true
	set.SetOutput(io.Discard)
	set.StringArrayVarP(&l.config, "c", "c", nil, "")
	set.StringArrayVarP(&l.settings, "E", "E", nil, "")
	set.StringVar(&l.home, "path.home", "", "")
	set.StringVar(&l.path, "path.config", "", "")
	set.StringVar(&l.data, "path.data", "", "")
	for _, name := range []string{"e", "v", "N", "t", "O"} {
		set.BoolP(name, name, false, "")
	}
	for _, name := range []string{"d", "I", "l"} {
		set.StringP(name, name, "", "")
	}
	_ = set.Parse(args) // what was read before an error is good
	return l
}

// files returns the configuration as libbeat finds it: relative to path.config,
// which is path.home unless it is set, which is here unless it is set.
func (l *commandLine) files() (files []string) {
	names := l.config
	if len(names) == 0 {
		names = []string{ownName + ".yml"}
	}
	for _, name := range names {
		if !filepath.IsAbs(name) {
			name = filepath.Join(cmp.Or(l.path, l.home), name)
		}
		files = append(files, name)
	}
	return files
}
