package cmd

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat"
)

// dashboards returns defaults for libbeat: the folder of the dashboards, and the index
// pattern of the name that the beat runs under. libbeat reads dashboards from the folder
// kibana in path.home; if there is none, those of the binary, packetbeat's and our own,
// are unpacked into path.data. The settings apply only if dashboards are to be loaded,
// because libbeat takes any of them as a request to load dashboards.
func dashboards(name string) []cfgfile.ConditionalOverride {
	line := parseLine(os.Args[1:])
	dir := filepath.Join(cmp.Or(line.data, filepath.Join(line.homeFolder(), "data")), "dashboards")
	list := []cfgfile.ConditionalOverride{{
		Check: func(c *config.C) bool {
			return wanted(c) && !has(c, "setup.dashboards.directory") && !has(c, "setup.dashboards.file") &&
				!has(c, "setup.dashboards.url") && !hasFolder(c, line) && unpack(dir) == nil
		},
		Config: config.MustNewConfigFrom(map[string]any{"setup.dashboards.directory": dir}),
	}}
	if name == packetbeatName {
		return list
	}
	return append(list, cfgfile.ConditionalOverride{
		Check: func(c *config.C) bool { return wanted(c) && !has(c, "setup.dashboards.index") },
		Config: config.MustNewConfigFrom(map[string]any{"setup.dashboards": map[string]any{
			"index": name + "-*",
			// Some objects hold others as text, which libbeat does not parse.
			"string_replacements": map[string]any{packetbeatName + "-*": name + "-*"},
		}}),
	})
}

// wanted reports whether dashboards are to be loaded: by the command setup, or at every
// start.
func wanted(c *config.C) bool {
	if slices.Contains(os.Args[1:], "setup") {
		return true
	}
	for _, one := range []*config.C{c, overwrites()} {
		if one == nil {
			continue
		}
		if on, err := one.Bool("setup.dashboards.enabled", -1); err == nil && on {
			return true
		}
	}
	return false
}

// overwrites returns the settings of -E, nil if there are none.
func overwrites() *config.C {
	f := flag.Lookup("E")
	if f == nil {
		return nil
	}
	v, ok := f.Value.(*config.SettingsFlag)
	if !ok {
		return nil
	}
	return v.Config()
}

// has reports whether the file or the command line sets a key.
func has(c *config.C, key string) bool {
	for _, one := range []*config.C{c, overwrites()} {
		if one == nil {
			continue
		}
		if ok, err := one.Has(key, -1); err == nil && ok {
			return true
		}
	}
	return false
}

// homeFolder returns path.home as libbeat takes it from the command line.
func (l *commandLine) homeFolder() string {
	return cmp.Or(l.home, filepath.Dir(os.Args[0]))
}

// hasFolder reports whether path.home has dashboards of its own.
func hasFolder(c *config.C, line commandLine) bool {
	home := line.homeFolder()
	if own, err := c.String("path.home", -1); err == nil && line.home == "" {
		home = own
	}
	_, err := os.Stat(filepath.Join(home, "kibana"))
	return !errors.Is(err, fs.ErrNotExist)
}

// unpack replaces dir with the dashboards of the binary.
func unpack(dir string) error {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer d.Close()
	data, err := d.DecodeAll(qubesbeat.Dashboards, nil)
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.CopyFS(dir, archive)
}
