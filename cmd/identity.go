package cmd

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// The names under which the beat runs. A name is the root of the configuration,
// the default configuration file, and what index, template, lifecycle policy,
// keystore and agent.type are called.
const (
	ownName        = "qubesbeat"
	packetbeatName = "packetbeat"
)

// Identity returns the name for a command line: packetbeat where the program is
// called so, or where the configuration has a packetbeat root and no qubesbeat
// root. libbeat wants to know before it reads the configuration by itself.
func Identity(args []string) string {
	if calledPacketbeat(args) {
		return packetbeatName
	}
	line := parseLine(args[1:])
	roots := map[string]bool{}
	for _, file := range line.files() {
		for _, key := range topLevel(file) {
			root, _, _ := strings.Cut(key, ".")
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

// commandLine is what of a command line decides which files are read.
type commandLine struct {
	config           []string // -c
	settings         []string // -E
	home, path, data string   // --path.home, --path.config, --path.data
}

// parseLine picks the flags out; what is wrong with the others is libbeat's to
// say. Those that take no value are named, so that they may stand before others
// behind one dash.
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
	_ = set.Parse(args) // what came before a fault is good
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

// rootLine finds a top-level key in a file that is not valid as it stands, such
// as one with a template in it.
var rootLine = regexp.MustCompile(`(?m)^["']?(packetbeat|qubesbeat)["']?[.:]`)

// topLevel returns the keys of a file's top level, none where it cannot be read.
func topLevel(file string) (keys []string) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	tree := map[string]yaml.Node{}
	if yaml.Unmarshal(data, &tree) != nil {
		for _, m := range rootLine.FindAllSubmatch(data, -1) {
			keys = append(keys, string(m[1]))
		}
		return keys
	}
	for key := range tree {
		keys = append(keys, key)
	}
	return keys
}
