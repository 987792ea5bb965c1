package htmlreport

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

var (
	//go:embed page.gohtml
	pageText string
	//go:embed style.css
	styleText string
)

// Options are what a report needs beside the events.
type Options struct {
	// Zone is that of the times shown. Nil is UTC.
	Zone *time.Location
	// Top is the number of rows of a table.
	Top int
	// Command is what made the report, Version who.
	Command, Version string
	// Geo says which files countries and networks are from, "" if none was given.
	Geo string
}

// Write writes a report.
func Write(w io.Writer, a *analysis.Analysis, o *Options) error {
	style := Style()
	// The style sheet is part of the template, for html/template would not let a value
	// be one.
	t, err := template.New("page").Funcs(template.FuncMap{"dot": labelClass}).Parse(strings.Replace(pageText, "STYLE", style, 1))
	if err != nil {
		return fmt.Errorf("htmlreport: %w", err)
	}
	p := newBuilder(a, o.Zone, o.Top).page(o)
	p.Hash = hash(style)
	b := bufio.NewWriterSize(w, 64<<10)
	if err := errors.Join(t.Execute(b, p), b.Flush()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// Style returns the style sheet of the page.
func Style() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(styleText) + "\n")
	for _, label := range append(slices.Clone(analysis.Labels[:]), "other") {
		fmt.Fprintf(&b, ".l-%s{background:%s;fill:%[2]s}\n", label, qube.LabelColor(label))
	}
	for i := range 101 {
		fmt.Fprintf(&b, ".w%d{width:%d%%}\n", i, i)
	}
	return b.String()
}

// hash returns the hash of a text as a Content-Security-Policy has it.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}
