package kernellog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ring reads a line of dmesg in any of its formats, or a record of /dev/kmsg. These are of
// the kernel, unless a facility says otherwise.
//
// `journalctl -o short-monotonic` begins as dmesg does, and a host and a program follow.
func (r *Reader) ring(line string) (Message, Origin, bool) {
	if rec, ok := readRecord(line); ok {
		if !rec.isKernel {
			return Message{}, OtherProgram, true
		}
		return Message{Text: withoutSeconds(rec.text)}, Kernel, true
	}
	if level, rest, ok := levelColumn(line); ok {
		if level != "kern" {
			return Message{}, OtherProgram, true
		}
		line = rest
	}
	if at, rest, ok := cutISO(line); ok {
		return Message{rest, at}, Kernel, true
	}
	inside, rest, ok := bracket(line)
	if !ok {
		return Message{}, UnknownHeader, false
	}
	at, isTime := bracketTime(inside)
	if !isTime {
		return Message{}, UnknownHeader, false
	}
	if text, o, ok := r.monotonic(rest); ok {
		return Message{Text: text}, o, true
	}
	return Message{withoutCaller(rest), at}, Kernel, true
}

// levelColumn splits off "kern  :warn  : ", as dmesg --decode prints it.
func levelColumn(line string) (facility, rest string, ok bool) {
	facility, after, ok := strings.Cut(line, ":")
	if !ok || len(facility) > 8 {
		return "", "", false
	}
	level, rest, ok := strings.Cut(after, ":")
	if !ok || !isLevel(strings.TrimSpace(level)) {
		return "", "", false
	}
	facility = strings.TrimSpace(facility)
	return facility, strings.TrimPrefix(rest, " "), slices.Contains(facilities, facility)
}

// cutISO splits off "2026-11-27T10:00:07,123456+00:00", as dmesg --time-format=iso prints
// it.
func cutISO(line string) (at time.Time, rest string, ok bool) {
	first, rest, ok := strings.Cut(line, " ")
	if !ok || !strings.Contains(first, ",") {
		return at, "", false
	}
	at, err := time.Parse(time.RFC3339Nano, first)
	return at, rest, err == nil
}

// bracket splits off "[…] ".
func bracket(line string) (inside, rest string, ok bool) {
	inner, ok := strings.CutPrefix(line, "[")
	if !ok {
		return "", "", false
	}
	inside, rest, ok = strings.Cut(inner, "]")
	return strings.TrimSpace(inside), strings.TrimPrefix(rest, " "), ok
}

// seconds matches the times of dmesg that are no time of day: since boot, with the
// difference to the last line, and relative ones.
var seconds = regexp.MustCompile(`^(\d+\.\d+)?( *<\s*[+-]?\d+\.\d+ *>)?$|^[+-]\d+\.\d+$|^[A-Z][a-z]{2} ?\d{1,2} \d{2}:\d{2}$`)

// bracketTime reads what dmesg prints in brackets. at is zero unless it is a time of day.
func bracketTime(inside string) (at time.Time, ok bool) {
	if inside == "" {
		return at, false
	}
	if seconds.MatchString(inside) {
		return at, true
	}
	at, err := time.ParseInLocation(time.ANSIC, inside, time.Local)
	return at, err == nil
}

// monotonic reads the host and the program behind the seconds since boot. It reports false
// where there are none: then the line is dmesg's.
func (r *Reader) monotonic(rest string) (text string, o Origin, ok bool) {
	host, after, _ := strings.Cut(rest, " ")
	program, text, _ := strings.Cut(after, " ")
	switch {
	case !isHost(host):
		return "", UnknownHeader, false
	case program == "kernel:":
		r.Host = host
		return withoutSeconds(text), Kernel, true
	case host == r.Host && strings.HasSuffix(program, ":"), isNumbered(program):
		return "", OtherProgram, true
	}
	return "", UnknownHeader, false
}

// isNumbered reports whether a word is "dnsmasq[12]:".
func isNumbered(word string) bool {
	_, number, ok := strings.Cut(word, "[")
	digits, isEnd := strings.CutSuffix(number, "]:")
	_, err := strconv.ParseUint(digits, 10, 32)
	return ok && isEnd && err == nil
}

// withoutSeconds removes the seconds since boot from a message, and the caller behind
// them (CONFIG_PRINTK_CALLER).
func withoutSeconds(message string) string {
	if inside, rest, ok := bracket(message); ok && seconds.MatchString(inside) && inside != "" {
		return withoutCaller(rest)
	}
	return message
}

// caller matches "[ T1234] " and "[    C0] ".
var caller = regexp.MustCompile(`^\[ *[TC]\d+\] `)

func withoutCaller(message string) string { return message[len(caller.FindString(message)):] }
