package kernellog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Reader parses the lines of one log, in any of the formats of this package.
type Reader struct {
	// Now returns the present, for lines without a year or a time. It must be set.
	Now func() time.Time

	exported journalRecord // the record whose fields are being read
}

// journalRecord holds the relevant fields of a record of the journal, which may come from
// the kernel or from any program.
type journalRecord struct {
	Message   string `json:"MESSAGE"`
	Micros    string `json:"__REALTIME_TIMESTAMP"`
	Transport string `json:"_TRANSPORT"`
}

func (j *journalRecord) read() (message string, at time.Time, ok bool) {
	return j.Message, micros(j.Micros), j.Message != "" && (j.Transport == "" || j.Transport == "kernel")
}

// Line returns the message of a line and the time when it was logged. It reports whether
// the line completes a message of the kernel: lines of other programs do not, nor do the
// fields of an exported journal record, which ends with an empty line.
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

// field adds a field of an exported journal record. It reports whether the line is one.
func (r *Reader) field(line string) bool {
	key, value, ok := strings.Cut(line, "=")
	switch {
	case !ok || key == "" || strings.ContainsAny(key, " :[") || strings.HasSuffix(key, "IN") && strings.Contains(value, " OUT="):
		return false // a message; no space need separate its prefix from the first key
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

// text removes what syslog, /dev/kmsg and dmesg write before a message. It reports whether
// the message is the kernel's: in lines of syslog, the program after the host name must be
// "kernel".
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

// withoutSeconds removes the seconds since boot.
func withoutSeconds(message string) string {
	if inner, ok := strings.CutPrefix(message, "["); ok {
		if seconds, rest, ok := strings.Cut(inner, "] "); ok && isSeconds(seconds) {
			return rest
		}
	}
	return message
}

// stamp splits off the time at the beginning of a line, in the format of RFC 3339, or in
// that of RFC 3164, which has no year.
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
