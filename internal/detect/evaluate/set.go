package evaluate

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// File is a labelled capture or log.
type File struct {
	Path, Label string
	Side        string           // the part of the set that it belongs to
	Class       string           // mal, benign or mixed
	Expect      []behaviour.Rule // of which at least one should find something
}

// maxLine bounds a line of a list of files, in bytes.
const maxLine = 1 << 20

// ReadSet reads a list of files: a header with the columns side, class, label, expect and
// file, and a line for each, with tabs in between. Paths are relative to the list.
func ReadSet(path string) (files []File, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the labelled files: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	var columns map[string]int
	for n := 1; lines.Scan(); n++ {
		fields := strings.Split(lines.Text(), "\t")
		if columns == nil {
			if columns, err = header(fields); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, n, err)
			}
			continue
		}
		get := func(name string) string {
			if i := columns[name]; i < len(fields) {
				return fields[i]
			}
			return ""
		}
		one := File{Path: get("file"), Label: get("label"), Side: get("side"), Class: get("class")}
		if !filepath.IsAbs(one.Path) {
			one.Path = filepath.Join(filepath.Dir(path), one.Path)
		}
		for _, id := range strings.FieldsFunc(get("expect"), func(r rune) bool { return r == ',' || r == ' ' }) {
			if r, ok := behaviour.ParseRule(id); ok {
				one.Expect = append(one.Expect, r)
			}
		}
		files = append(files, one)
	}
	return files, lines.Err()
}

// header returns the places of the columns that are needed.
func header(fields []string) (map[string]int, error) {
	columns := map[string]int{}
	for i, name := range fields {
		columns[name] = i
	}
	for _, need := range []string{"side", "class", "label", "expect", "file"} {
		if _, ok := columns[need]; !ok {
			return nil, fmt.Errorf("the list has no column %q; its first line names the columns", need)
		}
	}
	return columns, nil
}

// Case is what is run together: a capture, or the logs of one time and place.
type Case struct {
	File           // of the first
	Paths []string // all
}

// part is what differs between the logs of one case: the kind of log, and the hour, or the time as
// Zeek's archive has it: conn.09:00:00-10:00:00.log.
var part = regexp.MustCompile(`(^|[^a-z])(conn|dns|ssl|http)(?:\.\d\d(?::\d\d:\d\d-\d\d:\d\d:\d\d)?)?(?:\b|_)`)

// Cases groups files.
func Cases(files []File) (cases []Case) {
	at := map[string]int{}
	for _, f := range files {
		key := f.Path
		if isLog(f.Path) {
			key = filepath.Dir(f.Path) + "/" + part.ReplaceAllString(filepath.Base(f.Path), "$1*")
		}
		if i, ok := at[key]; ok {
			cases[i].Paths = append(cases[i].Paths, f.Path)
			continue
		}
		at[key] = len(cases)
		cases = append(cases, Case{File: f, Paths: []string{f.Path}})
	}
	return cases
}

// isLog reports whether a file is a log of Zeek.
func isLog(path string) bool { return strings.Contains(filepath.Base(path), ".log") }
