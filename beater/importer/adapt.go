package importer

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	conf "github.com/elastic/elastic-agent-libs/config"
)

// removed are settings that an import does not take from the configuration of the beat:
// the index of live events and its lifecycle, the dashboards, the endpoint for metrics,
// whose port the running beat has, and the queue, which must not acknowledge what the
// output does not have.
var removed = []string{"setup.ilm", "setup.dsl", "setup.lifecycle", "setup.dashboards", "setup.template.name", "setup.template.pattern",
	"setup.template.priority", "output.elasticsearch.index", "output.elasticsearch.indices", "http", "monitoring", "queue",
	"logging.to_files", "logging.to_syslog", "logging.to_eventlog", "logging.to_stderr", "logging.metrics"}

// processors are settings that look into every event or add to it.
var processors = []string{"processors", "fields", "fields_under_root", "tags", "timeseries"}

// Adapt returns an override that never applies, but makes the configuration that of an
// import before libbeat looks at it. name is the name that the beat runs under, line has
// the settings of the command line. Where reprocess is false, the events have been
// processed before.
func Adapt(name string, line *conf.C, reprocess bool) cfgfile.ConditionalOverride {
	return cfgfile.ConditionalOverride{Config: conf.NewConfig(), Check: func(file *conf.C) bool {
		data := dataDir(file, line)
		keystore := cmp.Or(text(line, "keystore.path"), text(file, "keystore.path"), filepath.Join(data, name+".keystore"))
		for _, c := range []*conf.C{file, line} {
			remove(c, reprocess)
		}
		// Beside a beat that runs: it has locked its own folder.
		force := map[string]any{"path.data": filepath.Join(data, "import"), "keystore.path": keystore,
			"logging.to_stderr": true, "logging.to_files": false, "logging.metrics.enabled": false, "setup.ilm.enabled": false}
		if text(line, "logging.level") == "" {
			force["logging.level"] = "error"
		}
		if has(file, "output.elasticsearch") || has(line, "output.elasticsearch") {
			addIndex(force, name)
		}
		_ = line.Merge(force)
		return false
	}}
}

// addIndex adds the settings of the data streams of an import: one for each day of the
// events, which are never rolled over, because ids are unique in each backing index only.
// The priority of the template is above that of one for all indices of the beat.
func addIndex(force map[string]any, name string) {
	force["output.elasticsearch.index"] = name + "-import-%{+yyyy.MM.dd}"
	force["setup.template.name"] = name + "-import"
	force["setup.template.pattern"] = name + "-import*"
	force["setup.template.priority"] = 200
}

// remove removes settings.
func remove(c *conf.C, reprocess bool) {
	for _, key := range removed {
		_, _ = c.Remove(key, -1) // or it is absent
	}
	if output, err := c.Child("output", -1); err == nil {
		for _, name := range output.GetFields() {
			_, _ = c.Remove("output."+name+".queue", -1)
		}
	}
	if reprocess {
		return
	}
	for _, key := range processors {
		_, _ = c.Remove(key, -1)
	}
}

// dataDir returns path.data as libbeat finds it.
func dataDir(file, line *conf.C) string {
	home := cmp.Or(text(line, "path.home"), text(file, "path.home"))
	if home == "" {
		home, _ = filepath.Abs(filepath.Dir(os.Args[0])) // as libbeat
	}
	return cmp.Or(text(line, "path.data"), text(file, "path.data"), filepath.Join(home, "data"))
}

// text returns a setting, "" if it is absent.
func text(c *conf.C, key string) string {
	s, err := c.String(key, -1)
	if err != nil {
		return ""
	}
	return s
}

// has reports whether there is a setting.
func has(c *conf.C, key string) bool {
	ok, err := c.Has(key, -1)
	return err == nil && ok
}
