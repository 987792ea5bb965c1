package cmd

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
)

// TestWriteFile_full holds that the error of a device that is full is said once.
func TestWriteFile_full(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 1 << 20} {
		err := writeFile(t.Context(), "/dev/full", func(_ context.Context, w io.Writer) error {
			for range size / 1000 {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					return err
				}
			}
			_, err := w.Write(make([]byte, 1))
			return err
		})
		if !errors.Is(err, syscall.ENOSPC) || strings.Count(err.Error(), syscall.ENOSPC.Error()) != 1 {
			t.Errorf("%d bytes: %v; want ENOSPC once", size, err)
		}
	}
}
