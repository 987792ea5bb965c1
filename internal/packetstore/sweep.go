package packetstore

import (
	"io/fs"
	"strings"
)

// sweep removes indexes without a segment, and what was not complete, from the folders of qubes, and
// folders in which nothing is left.
func (s *Store) sweep(top []fs.DirEntry) {
	for _, e := range top {
		if e.IsDir() && isFolder(e.Name()) {
			s.sweepFolder(e.Name())
			s.dropEmpty(e.Name())
		}
	}
}

func (s *Store) sweepFolder(folder string) {
	entries, err := s.files.List(folder)
	if err != nil {
		s.conf.Logger.Warn("it cannot be looked for indexes without a segment", "folder", folder, "error", err)
	}
	have := map[string]bool{}
	for _, e := range entries {
		have[e.Name()] = true
	}
	for name := range have {
		if !isStray(name, have) {
			continue
		}
		if err := s.removeIf(folder + "/" + name); err != nil {
			s.conf.Logger.Warn("an index without a segment cannot be removed", "file", folder+"/"+name, "error", err)
		}
	}
}

// isStray reports whether a file in the folder of a qube, which has others, is an index that is not complete
// or has no segment.
func isStray(name string, have map[string]bool) bool {
	whole, isPart := strings.CutSuffix(name, ".tmp")
	base, isIndex := strings.CutSuffix(whole, indexSuffix)
	segment := base + segmentSuffix
	if !isIndex || !segmentForm.MatchString(segment) {
		return false
	}
	return isPart || !have[segment] && !have[segment+ageSuffix] && !have[segment+packedSuffix]
}
