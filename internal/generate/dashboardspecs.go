package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/dashboard"
)

// ownDashboards returns our own dashboards by their path in the archive. They name
// packetbeat's data view, as packetbeat's dashboards do, so that all are renamed alike when
// they are loaded.
func ownDashboards(libbeat string) (map[string][]byte, error) {
	types, err := allTypes(libbeat)
	if err != nil {
		return nil, err
	}
	specs, err := dashboardSpecs()
	if err != nil {
		return nil, err
	}
	b := &dashboard.Builder{Types: types, Pattern: "packetbeat-*", All: specs}
	files := map[string][]byte{}
	for _, s := range specs {
		text, err := b.Build(s)
		if err != nil {
			return nil, err
		}
		files["7/dashboard/"+s.ID+".json"] = text
	}
	return files, nil
}

// dashboardSpecs reads the descriptions of our dashboards, in the order of the slices.
func dashboardSpecs() (all []*dashboard.Spec, err error) {
	for _, m := range modules {
		files, err := filepath.Glob(filepath.Join("module", m, "_meta", "kibana", "*.yml"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			s, err := dashboard.Parse("qubesbeat-"+strings.TrimSuffix(filepath.Base(file), ".yml"), text)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}
