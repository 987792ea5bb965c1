package kernellog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/textmark"
)

// Errors of files that hold packets, but of which no format reads anything.
var (
	errULOGD = errors.New("these are lines of ulogd's JSON, GPRINT or OPRINT output; in ulogd.conf write a stack that ends in LOGEMU, " +
		"and set the format of the file to ulogd")
	errDmesg = errors.New("this is the output of dmesg --json, which has no time of day; write one of dmesg's other formats, " +
		"or that of journalctl -k -o json")
	errPF = errors.New("these are lines of pf's filterlog, not of the Linux kernel; there is no format for them")
)

// CheckForm returns what a file is that begins with a text, or with one of whose lines it
// is, and what to do, if no [Format] reads it. It returns nil for lines of any other program.
func CheckForm(text string) error {
	if kind := textmark.Kind([]byte(text[:min(len(text), 64)])); kind != "" && !strings.HasPrefix(kind, "it is a binary") {
		return errors.New(kind)
	}
	line := strings.TrimSpace(strings.TrimPrefix(text, mark))
	switch {
	case strings.HasPrefix(line, `{"`) && strings.Contains(line, `"oob.`), strings.HasPrefix(line, "oob."),
		strings.HasPrefix(line, "timestamp=") && strings.Contains(line, ",oob."):
		return errULOGD
	case strings.HasPrefix(line, `"dmesg": [`), strings.HasPrefix(line, `{"dmesg":`):
		return errDmesg
	case strings.Contains(line[:min(len(line), 64)], " filterlog"):
		return errPF
	}
	return checkZone(line)
}

// checkZone returns an error if the kernel's line has a time of `journalctl -o short-full`
// in a zone that is not known.
func checkZone(line string) error {
	at, rest, ok := fullStamp(nil, line)
	if _, o := afterHost(rest); !ok || o != Kernel || !at.IsZero() {
		return nil
	}
	zone := strings.Fields(line)[3]
	return fmt.Errorf("the time zone %s is not one of this machine, so that the times are not known; "+
		"write the file with journalctl --utc, or with -o short-iso", zone)
}
