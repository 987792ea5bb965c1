package publish

import (
	"path/filepath"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/paths"
)

// ExplainOutput calls [Explain] for the output of a configuration. It returns a pattern
// for the files with the events that this output has refused, "" if it keeps none.
func ExplainOutput(info beat.Info, c *conf.C) (refused string) {
	output := enabledOutput(c)
	if output == "" {
		return ""
	}
	files := refusedFiles(info.Beat, c)
	Explain(info.Logger, output, files)
	if output != "elasticsearch" {
		return ""
	}
	return files
}

// enabledOutput returns the name of the output that events go to, "" if there is none.
func enabledOutput(c *conf.C) string {
	all, err := c.Child("output", -1)
	if err != nil {
		return ""
	}
	for _, name := range all.GetFields() {
		if on, err := all.Bool(name+".enabled", -1); err != nil || on {
			return name
		}
	}
	return ""
}

// refusedFiles returns a pattern for the files in which libbeat keeps the events that
// Elasticsearch has refused for good: with all their fields, and the server's reason.
func refusedFiles(name string, c *conf.C) string {
	folder, name := paths.Resolve(paths.Logs, ""), name+"-events-data"
	if own, err := c.String("logging.event_data.files.path", -1); err == nil && own != "" {
		folder = own
	}
	if own, err := c.String("logging.event_data.files.name", -1); err == nil && own != "" {
		name = own
	}
	return filepath.Join(folder, name+"-*.ndjson")
}
