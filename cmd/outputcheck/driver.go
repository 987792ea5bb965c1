package outputcheck

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/elastic/elastic-agent-libs/testing"

	"github.com/qubesbeat/qubesbeat/internal/outputhint"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// driver prints steps in libbeat's form. After each error it prints the cause and the
// next step. A fatal error ends the host and not the process.
type driver struct {
	testing.Driver
	output   string
	failures *failures
}

var _ testing.Driver = (*driver)(nil) // type check

// failures is what the drivers of one output share.
type failures struct {
	count int
	// plain is the address of the host if the beat does not use TLS with it, else "".
	plain string
}

// errHost ends the steps of a host by a panic, as libbeat ends the process.
var errHost = errors.New("outputcheck: the host does not work")

// handshake is libbeat's name of that step.
const handshake = "handshake"

func newDriver(output string, w io.Writer) *driver {
	return &driver{Driver: testing.NewConsoleDriver(w), output: output, failures: &failures{}}
}

// host runs the steps of a host up to the first fatal error. Address is that of a host
// without TLS, or "".
func (d *driver) host(address string, steps func()) {
	defer func() {
		if r := recover(); r != nil && r != errHost { //nolint:errorlint // it is that value
			panic(r)
		}
	}()
	d.failures.plain = address
	steps()
}

// Run implements [testing.Driver].
func (d *driver) Run(name string, step func(testing.Driver)) {
	if address := plainAddress(name); address != "" {
		d.failures.plain = address
	}
	d.Driver.Run(safetext.Line(name), func(inner testing.Driver) {
		step(&driver{Driver: inner, output: d.output, failures: d.failures})
	})
}

// Info implements [testing.Driver].
func (d *driver) Info(field, value string) { d.Driver.Info(field, safetext.Line(value)) }

// Warn implements [testing.Driver].
func (d *driver) Warn(field, reason string) { d.Driver.Warn(field, safetext.Line(reason)) }

// Error implements [testing.Driver].
func (d *driver) Error(field string, err error) {
	if err == nil {
		d.Driver.Error(field, nil)
		return
	}
	d.failures.count++
	if field == handshake {
		err = fmt.Errorf("TLS handshake: %w", err) // where an end of the connection means something else
	}
	err = d.refine(err)
	d.Driver.Error(field, safetext.Error(err))
	hint, ok := outputhint.Find(d.output, err.Error())
	if !ok {
		d.Driver.Info("next step", "look into the server's log of this moment")
		return
	}
	d.Driver.Info("cause", hint.Cause)
	d.Driver.Info("next step", hint.Next)
}

// Fatal implements [testing.Driver].
func (d *driver) Fatal(field string, err error) {
	if d.Error(field, err); err != nil {
		panic(errHost)
	}
}

// refine adds to an error that the server speaks TLS, if it does, the beat does not, and
// the connection has ended without a reason.
func (d *driver) refine(err error) error {
	closed := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || strings.Contains(err.Error(), "EOF")
	if closed && d.failures.plain != "" && speaksTLS(d.failures.plain) {
		return fmt.Errorf("%w: %w", err, errTLS)
	}
	return err
}
