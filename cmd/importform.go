package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// formBytes is how much of a log is looked at before it is imported, without
// compression.
const formBytes = 64 << 10

// checkForms returns an error about each file that is no log, or a log that no format
// reads. What it reads of in, the standard input, the import reads again.
func checkForms(files []string, format kernellog.Format, in *bufio.Reader) error {
	var errs []error
	for _, path := range files {
		if err := checkForm(path, format, in); err != nil {
			errs = append(errs, fmt.Errorf("reading %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

func checkForm(path string, format kernellog.Format, in *bufio.Reader) error {
	var head io.Reader
	if path == eventfile.Stdin {
		peeked, _ := in.Peek(in.Size()) // an error comes again with the first line
		head = strings.NewReader(string(peeked))
	}
	log, err := eventfile.Open(path, head)
	if err != nil {
		return nil // it is reported with the other files
	}
	defer log.Close()
	text, _ := io.ReadAll(io.LimitReader(log, formBytes)) // what is cut off is no error here
	return formOf(string(text), format)
}

// formOf returns what is wrong with a text, nil if a packet is read, or nothing is known.
func formOf(text string, format kernellog.Format) (odd error) {
	odd = kernellog.CheckForm(text)
	r := kernellog.Reader{Now: time.Now, Format: format, Timeless: true}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		m, origin := r.Line(line)
		if _, ok := kernellog.Parse(m.Text); ok && origin == kernellog.Kernel && !m.At.IsZero() {
			return nil
		}
		if odd == nil {
			odd = kernellog.CheckForm(line)
		}
	}
	return odd
}
