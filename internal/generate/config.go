package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

// data are the variables of libbeat's configuration templates.
type data struct {
	BeatName, BeatIndexPrefix, BeatURL, BeatDescription string
	Modules                                             []string

	Reference, Docker                                       bool
	ExcludeConsole, ExcludeFileOutput, ExcludeKafka         bool
	ExcludeLogstash, ExcludeRedis, ExcludeDashboards        bool
	UseObserverProcessor, UseDockerMetadataProcessor        bool
	UseKubernetesMetadataProcessor, UseProcessorsConfigBool bool
	ExtraVars                                               map[string]string
}

func newData() data {
	return data{BeatName: "qubesbeat", BeatIndexPrefix: "qubesbeat", BeatURL: "https://github.com/qubesbeat/qubesbeat",
		Reference: true, ExcludeDashboards: true}
}

// referenceParts are libbeat's parts of a reference configuration, in its order.
var referenceParts = []string{"general.reference", "processors.reference", "elastic-cloud", "outputs",
	"output-elasticsearch.reference", "output-logstash.reference", "output-kafka.reference",
	"output-redis.reference", "output-file.reference", "output-console.reference", "paths.reference",
	"keystore.reference", "setup.template.reference", "setup.ilm.reference",
	"setup.dsl.reference", "setup.kibana.reference", "logging.reference", "monitoring.reference",
	"http.reference", "seccomp.reference", "instrumentation.reference", "feature-flags.reference"}

// shortConfig returns the text of qubesbeat.yml.
func shortConfig(libbeat string) ([]byte, error) {
	t, err := templates(libbeat)
	if err != nil {
		return nil, err
	}
	return execute(t, newData(), "short.yml.tmpl")
}

// referenceConfig returns the text of qubesbeat.reference.yml.
func referenceConfig(libbeat string) ([]byte, error) {
	t, err := templates(libbeat)
	if err != nil {
		return nil, err
	}
	d := newData()
	for _, m := range modules {
		text, err := os.ReadFile(filepath.Join("module", m, "_meta", "config.yml"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has no settings
		}
		if err != nil {
			return nil, err
		}
		d.Modules = append(d.Modules, strings.TrimRight(string(text), "\n"))
	}
	names := []string{"qubesbeat.reference.yml.tmpl"}
	for _, part := range referenceParts {
		names = append(names, part+".yml.tmpl")
	}
	return execute(t, d, names...)
}

// execute renders templates one after the other, without trailing blanks and
// repeated empty lines.
func execute(t *template.Template, d data, names ...string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("# Made by go tool mage update from _meta and module/*/_meta; in the repository, change those.\n")
	for _, name := range names {
		if err := t.ExecuteTemplate(&out, name, d); err != nil {
			return nil, err
		}
		out.WriteByte('\n')
	}
	text := regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAllString(out.String(), "")
	text = regexp.MustCompile(`\n{3,}`).ReplaceAllString(text, "\n\n")
	return []byte(strings.TrimRight(text, "\n") + "\n"), nil
}

// templates parses libbeat's templates and ours, with the functions that
// libbeat's own generator gives them.
func templates(libbeat string) (*template.Template, error) {
	t := template.New("config")
	t.Funcs(template.FuncMap{
		"header":    func(title string) string { return heading(title, "=") },
		"subheader": func(title string) string { return heading(title, "-") },
		"title":     func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		"indent":    indent,
		"include": func(name string, d any) (string, error) {
			var out bytes.Buffer
			err := t.ExecuteTemplate(&out, name, d)
			return out.String(), err
		},
	})
	for _, pattern := range []string{filepath.Join(libbeat, "_meta/config/*.tmpl"), "_meta/config/*.tmpl"} {
		if _, err := t.ParseGlob(pattern); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// heading centres a title in a comment line of 80 characters.
func heading(title, rule string) string {
	left := (76 - len(title)) / 2
	return "# " + strings.Repeat(rule, left) + " " + title + " " + strings.Repeat(rule, 76-left-len(title))
}

func indent(spaces int, text string) string {
	pad := strings.Repeat(" ", spaces)
	return regexp.MustCompile(`(?m)^(.*\S.*)$`).ReplaceAllString(text, pad+"$1")
}
