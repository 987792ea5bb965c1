//go:build !linux

package filewatch

import (
	"context"
	"errors"
)

// watchOnce reports one change: there is no inotify.
func watchOnce(_ context.Context, _ string, changed chan<- struct{}) error {
	notify(changed)
	return errors.ErrUnsupported
}
