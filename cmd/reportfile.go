package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
	"github.com/qubesbeat/qubesbeat/internal/timesketch"
)

// reportOutput is where a report goes.
type reportOutput struct {
	html     io.Writer          // nil if none is wanted
	timeline *timesketch.Writer // nil if none is wanted
	files    []*newFile         // that html and timeline write to
	folder   string             // of the tables, "" if none are wanted
	force    bool
}

// open makes the files of the report, before anything is read: what is there is found at
// once, and not after minutes.
func (f *reportFlags) open() (*reportOutput, error) {
	out := &reportOutput{folder: f.csv, force: f.force}
	lines, err := out.create(f.timesketch)
	if err == nil {
		out.html, err = out.create(f.html)
	}
	if err == nil && f.csv != "" {
		if err = os.MkdirAll(f.csv, 0o700); err != nil {
			err = fmt.Errorf("creating the folder of the tables: %w", err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, out.discard())
	}
	if lines != nil {
		out.timeline = timesketch.NewWriter(lines)
	}
	return out, nil
}

// create creates a file, and returns nil if path is "".
func (o *reportOutput) create(path string) (io.Writer, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return os.Stdout, nil // the command's own writer escapes line by line
	}
	file, err := createFile(path, o.force)
	if err != nil {
		return nil, err
	}
	o.files = append(o.files, file)
	return file, nil
}

// write writes all that is wanted.
func (o *reportOutput) write(a *analysis.Analysis, options *htmlreport.Options) error {
	var errs []error
	if o.html != nil {
		errs = append(errs, htmlreport.Write(o.html, a, options))
	}
	if o.timeline != nil {
		errs = append(errs, o.timeline.Close())
	}
	keep := errors.Join(errs...) == nil
	for _, file := range o.files {
		errs = append(errs, file.close(keep))
	}
	if o.folder != "" {
		errs = append(errs, o.writeTables(a))
	}
	return errors.Join(errs...)
}

func (o *reportOutput) writeTables(a *analysis.Analysis) error {
	for _, table := range htmlreport.Files(a) {
		file, err := createFile(filepath.Join(o.folder, table.Name), o.force)
		if err != nil {
			return err
		}
		err = table.Write(file)
		if err := errors.Join(err, file.close(err == nil)); err != nil {
			return err
		}
	}
	return nil
}

// discard removes what open has made.
func (o *reportOutput) discard() error {
	var errs []error
	for _, file := range o.files {
		errs = append(errs, file.close(false))
	}
	return errors.Join(errs...)
}

// newFile is a file that only its owner may read. Nothing with its name is replaced unless
// that is forced, and then in one step.
type newFile struct {
	*os.File
	path string // its last name
}

// createFile creates a file.
func createFile(path string, force bool) (*newFile, error) {
	if force {
		f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
		if err != nil {
			return nil, fmt.Errorf("creating %s: %w", path, err)
		}
		return &newFile{f, path}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s is there already; choose another name, or replace it with --force", path)
	}
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", path, err)
	}
	return &newFile{f, path}, nil
}

// close completes the file if keep is set, and removes it otherwise.
func (f *newFile) close(keep bool) error {
	err := f.Close()
	if keep && err == nil && f.Name() != f.path {
		err = os.Rename(f.Name(), f.path)
	}
	if !keep || err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	return nil
}
