package kernellog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Reader reads the lines of one log, in any of the forms that this package knows.
// The zero value is ready for use.
type Reader struct {
	// Now is the time that completes a line without a year, or without a time. It
	// must be set.
	Now func() time.Time

	exported time.Time // of the journal record whose fields are being read
}

// Line returns the message of a line and when it was written. It reports false
// where the line has none, as the other fields of an exported journal record.
func (r *Reader) Line(line string) (message string, at time.Time, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	switch {
	case line == "":
		r.exported = time.Time{}
		return "", time.Time{}, false
	case line[0] == '{':
		return fromJSON(line)
	case strings.HasPrefix(line, "__REALTIME_TIMESTAMP="):
		r.exported = micros(line[len("__REALTIME_TIMESTAMP="):])
		return "", time.Time{}, false
	case strings.HasPrefix(line, "MESSAGE="):
		return line[len("MESSAGE="):], r.orNow(r.exported), true
	}
	message, at = r.text(line)
	return message, r.orNow(at), true
}

func (r *Reader) orNow(at time.Time) time.Time {
	if at.IsZero() {
		return r.Now()
	}
	return at
}

// fromJSON reads a record of journalctl -o json.
func fromJSON(line string) (message string, at time.Time, ok bool) {
	var record struct {
		Message string `json:"MESSAGE"`
		Micros  string `json:"__REALTIME_TIMESTAMP"`
	}
	if json.Unmarshal([]byte(line), &record) != nil || record.Message == "" {
		return "", time.Time{}, false
	}
	return record.Message, micros(record.Micros), true
}

func micros(text string) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}

// text takes off what syslog, /dev/kmsg and dmesg write before a message.
func (r *Reader) text(line string) (message string, at time.Time) {
	message = line
	if head, rest, ok := strings.Cut(line, " kernel: "); ok && !strings.Contains(head, "IN=") {
		message, at = rest, r.stamp(head)
	} else if head, rest, ok := strings.Cut(line, ";"); ok && isRecordHead(head) {
		message = rest
	}
	if inner, ok := strings.CutPrefix(message, "["); ok { // seconds since the start
		if seconds, rest, ok := strings.Cut(inner, "] "); ok && isSeconds(seconds) {
			message = rest
		}
	}
	return message, at
}

// stamp reads the time before the name of the host: RFC 3339, or that of RFC 3164,
// which has no year.
func (r *Reader) stamp(head string) time.Time {
	first, _, _ := strings.Cut(head, " ")
	if t, err := time.Parse(time.RFC3339Nano, first); err == nil {
		return t
	}
	if len(head) < len(time.Stamp) {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.Stamp, head[:len(time.Stamp)], time.Local)
	if err != nil {
		return time.Time{}
	}
	now := r.Now()
	if t = t.AddDate(now.Year(), 0, 0); t.After(now.AddDate(0, 0, 1)) {
		t = t.AddDate(-1, 0, 0) // last December, read in January
	}
	return t
}

// isRecordHead tells the head of a record of /dev/kmsg: priority, number and time.
func isRecordHead(head string) bool {
	parts := strings.Split(head, ",")
	if len(parts) < 3 {
		return false
	}
	for _, p := range parts[:3] {
		if _, err := strconv.ParseUint(p, 10, 64); err != nil {
			return false
		}
	}
	return true
}

func isSeconds(text string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil
}
