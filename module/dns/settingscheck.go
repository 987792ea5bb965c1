package dns

import (
	"os"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// Check opens the files and tries the directories that a resolver with these
// settings would use, and leaves everything as it was. dir keeps the copies of
// lists if the settings name no other directory. The error joins all problems,
// each a [config.Problem] with its key.
func (s *Settings) Check(dir string) error {
	p := config.Problems{Section: "resolver"}
	_, err := readRoots(s.conf.CAFile)
	p.Add("ca_file", err)
	checkHosts(s.conf.HostsFiles, &p)
	s.checkLists(&p, dir)
	s.checkTSV(&p)
	if s.conf.Socket != "" {
		p.Add("socket", preflight.Socket(s.conf.Socket))
	}
	return p.Err()
}

// ListFaults calls report with each line that is left out of a list of the user's own: of
// rules in the configuration, or of a file.
func (s *Settings) ListFaults(report func(list, source, fault string)) {
	for _, source := range s.sources {
		for _, fault := range source.Invalid(s.listOptions()) {
			report(source.List, source.Name(), fault)
		}
	}
}

func (s *Settings) checkLists(p *config.Problems, dir string) {
	for _, source := range s.sources {
		if err := source.Check(s.listOptions()); err != nil {
			p.Addf("lists."+source.List, "%w; correct the path or the list, or remove the source", err)
		}
	}
	if s.conf.Refresh.Dir != "" {
		dir = s.conf.Refresh.Dir
	}
	if _, err := preflight.Dir(dir); err != nil && len(s.sources) > 0 {
		p.Addf("list_refresh.dir", "%w; choose a directory that the beat may write to", err)
	}
}

// checkTSV checks the directory of blocky's query log. It is not made at a start:
// who may read it is for its owner to decide.
func (s *Settings) checkTSV(p *config.Problems) {
	dir := s.conf.TSV.Dir
	if dir == "" {
		return
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		p.Addf("tsv.dir", "%s is not a directory; create it, readable only for those who may see every name that the qubes ask for",
			dir)
		return
	}
	if _, err := preflight.Dir(dir); err != nil {
		p.Addf("tsv.dir", "%w; let the beat's user write there", err)
	}
}
