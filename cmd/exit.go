package cmd

import "errors"

// Exit statuses of `pcap get` and `pcap keep` beside 0 and 1.
const (
	exitUsage = 2
	exitSome  = 3 // some of the packets are cut or missing
	exitNone  = 4 // none is there
)

// exitError is an error with an exit status of its own.
type exitError struct {
	code int
	error
}

// Unwrap returns the error itself.
func (e *exitError) Unwrap() error { return e.error }

// withExit gives an error an exit status. nil stays nil.
func withExit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// ExitCode returns the exit status of the process for what a command has returned: 0 for
// nil.
func ExitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return 1
}
