package kernellog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Reader reads the lines of one log, in any of the forms that this package knows.
type Reader struct {
	// Now is the time that completes a line without a year, or without a time. It
	// must be set.
	Now func() time.Time

	exported journalRecord // whose fields are being read
}

// journalRecord is a record of the journal, as far as it concerns us. Other programs
// than the kernel write there, too.
type journalRecord struct {
	Message   string `json:"MESSAGE"`
	Micros    string `json:"__REALTIME_TIMESTAMP"`
	Transport string `json:"_TRANSPORT"`
}

func (j *journalRecord) read() (message string, at time.Time, ok bool) {
	return j.Message, micros(j.Micros), j.Message != "" && (j.Transport == "" || j.Transport == "kernel")
}

// Line returns the message of a line and when it was written. It reports false
// where the line has none of the kernel's: it is of another program, or a field of an
// exported journal record, which ends with an empty line.
func (r *Reader) Line(line string) (message string, at time.Time, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	switch {
	case line == "":
		message, at, ok = r.exported.read()
		r.exported = journalRecord{}
	case line[0] == '{':
		var record journalRecord
		if json.Unmarshal([]byte(line), &record) == nil {
			message, at, ok = record.read()
		}
	case r.field(line):
		return "", time.Time{}, false
	default:
		message, at, ok = r.text(line)
	}
	return message, r.orNow(at), ok
}

// field takes a field of a journal record.
func (r *Reader) field(line string) bool {
	key, value, ok := strings.Cut(line, "=")
	switch {
	case !ok || key == "" || strings.ContainsAny(key, " :[") || strings.HasSuffix(key, "IN") && strings.Contains(value, " OUT="):
		return false // a message, whose prefix may be glued to its first key
	case key == "MESSAGE":
		r.exported.Message = value
	case key == "__REALTIME_TIMESTAMP":
		r.exported.Micros = value
	case key == "_TRANSPORT":
		r.exported.Transport = value
	}
	return strings.HasPrefix(key, "_") || strings.ToUpper(key) == key
}

func (r *Reader) orNow(at time.Time) time.Time {
	if at.IsZero() {
		return r.Now()
	}
	return at
}

func micros(text string) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}

// text takes off what syslog, /dev/kmsg and dmesg write before a message. A line that
// syslog has stamped must be of the kernel, by the name behind that of the host.
func (r *Reader) text(line string) (message string, at time.Time, ok bool) {
	if at, rest, stamped := r.stamp(line); stamped {
		_, rest, _ = strings.Cut(rest, " ") // the host
		if message, ok = strings.CutPrefix(rest, "kernel: "); !ok {
			return "", at, false
		}
		return withoutSeconds(message), at, true
	}
	if r, isRecord := readRecord(line); isRecord {
		return withoutSeconds(r.text), time.Time{}, r.isKernel
	}
	return withoutSeconds(line), time.Time{}, true
}

// withoutSeconds takes off the seconds since the start.
func withoutSeconds(message string) string {
	if inner, ok := strings.CutPrefix(message, "["); ok {
		if seconds, rest, ok := strings.Cut(inner, "] "); ok && isSeconds(seconds) {
			return rest
		}
	}
	return message
}

// stamp cuts off the time that begins a line: RFC 3339, or that of RFC 3164, which has
// no year.
func (r *Reader) stamp(line string) (at time.Time, rest string, ok bool) {
	first, rest, _ := strings.Cut(line, " ")
	if t, err := time.Parse(time.RFC3339Nano, first); err == nil {
		return t, rest, true
	}
	if len(line) <= len(time.Stamp) {
		return at, "", false
	}
	t, err := time.ParseInLocation(time.Stamp, line[:len(time.Stamp)], time.Local)
	if err != nil {
		return at, "", false
	}
	now := r.Now()
	if t = t.AddDate(now.Year(), 0, 0); t.After(now.AddDate(0, 0, 1)) {
		t = t.AddDate(-1, 0, 0) // last December, read in January
	}
	return t, line[len(time.Stamp)+1:], true
}

func isSeconds(text string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil
}
