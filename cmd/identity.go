package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

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
	if strings.TrimSuffix(filepath.Base(args[0]), ".exe") == packetbeatName {
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

// commandLine is what of a command line decides which files are read.
type commandLine struct {
	config     []string // -c
	home, path string   // --path.home, --path.config
	settings   []string // -E
}

// parseLine picks the flags out; what is wrong with the others is libbeat's to
// say.
func parseLine(args []string) (l commandLine) {
	take := map[string]func(string){
		"-c": func(v string) { l.config = append(l.config, v) }, "--c": func(v string) { l.config = append(l.config, v) },
		"-E":          func(v string) { l.settings = append(l.settings, v) },
		"--path.home": func(v string) { l.home = v }, "--path.config": func(v string) { l.path = v },
	}
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			break
		}
		name, value, joined := strings.Cut(args[i], "=")
		set := take[name]
		switch {
		case set != nil && joined:
			set(value)
		case set != nil && i+1 < len(args):
			i++
			set(args[i])
		default:
			l.attached(args[i])
		}
	}
	return l
}

// attached reads -cFILE and -Ekey=value.
func (l *commandLine) attached(arg string) {
	if v, ok := strings.CutPrefix(arg, "-c"); ok && v != "" {
		l.config = append(l.config, v)
	} else if v, ok := strings.CutPrefix(arg, "-E"); ok && v != "" {
		l.settings = append(l.settings, v)
	}
}

// files returns where the configuration may be. libbeat looks in path.config,
// which is path.home unless it is set, which is the program's folder.
func (l *commandLine) files() (files []string) {
	home := l.home
	if exe, err := os.Executable(); err == nil && home == "" {
		home = filepath.Dir(exe)
	}
	config := l.path
	if config == "" {
		config = home
	}
	names := l.config
	if len(names) == 0 {
		names = []string{ownName + ".yml"}
	}
	for _, name := range names {
		if !filepath.IsAbs(name) {
			name = filepath.Join(config, name)
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
