package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
)

// reportOutput is where a report goes.
type reportOutput struct {
	html   io.Writer // nil if none is wanted
	file   *newFile  // of html, nil if that is standard output
	folder string    // of the tables, "" if none are wanted
	force  bool
}

// open makes the files of the report, before anything is read: what is there is found at
// once, and not after minutes.
func (f *reportFlags) open() (*reportOutput, error) {
	out := &reportOutput{folder: f.csv, force: f.force}
	switch f.html {
	case "":
	case "-":
		out.html = os.Stdout // the command's own writer escapes line by line
	default:
		file, err := createFile(f.html, f.force)
		if err != nil {
			return nil, err
		}
		out.file, out.html = file, file
	}
	if f.csv != "" {
		if err := os.MkdirAll(f.csv, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("creating the folder of the tables: %w", err), out.discard())
		}
	}
	return out, nil
}

// write writes all that is wanted.
func (o *reportOutput) write(a *analysis.Analysis, options *htmlreport.Options) error {
	var errs []error
	if o.html != nil {
		errs = append(errs, htmlreport.Write(o.html, a, options))
	}
	if o.file != nil {
		errs = append(errs, o.file.close(errors.Join(errs...) == nil))
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
	if o.file == nil {
		return nil
	}
	return o.file.close(false)
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
