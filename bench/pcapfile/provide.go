package pcapfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Provide writes a capture file called name by calling fill, unless it is there,
// and prints its name to out.
func Provide(out io.Writer, name string, fill func(w *Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}

	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = Create(name, fill)
	}

	if err == nil {
		_, err = fmt.Fprintln(out, name)
	}

	return err
}
