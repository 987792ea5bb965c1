package kernellog

import (
	"strconv"
	"strings"
	"time"
)

// stamp splits off the time at the beginning of a line, in any format in which a host or
// a program follows. A time without a zone is local.
func (r *Reader) stamp(line string) (at time.Time, rest string, ok bool) {
	for _, read := range [...]func(*Reader, string) (time.Time, string, bool){(*Reader).isoStamp, (*Reader).traditional, fullStamp, unixStamp} {
		if at, rest, ok = read(r, line); ok {
			return at, rest, true
		}
	}
	return time.Time{}, "", false
}

// isoStamp reads "2026-11-27T10:00:03.123456+00:00", also with "+0000". With a comma it is
// dmesg's, which no host follows.
func (r *Reader) isoStamp(line string) (at time.Time, rest string, ok bool) {
	first, rest, _ := strings.Cut(line, " ")
	if strings.Contains(first, ",") {
		return at, "", false
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700"} {
		if at, err := time.Parse(layout, first); err == nil {
			return at, rest, true
		}
	}
	return at, "", false
}

// traditional reads "Nov 27 10:00:02" (RFC 3164), also with a fraction, and with the day
// of the week before and the year behind it, as OpenWrt writes it.
func (r *Reader) traditional(line string) (at time.Time, rest string, ok bool) {
	if at, rest, ok = cutTime(line, time.ANSIC, time.Local); ok {
		return at, strings.TrimPrefix(rest, " "), true
	}
	// The present year, so that February 29 is a date.
	year := r.Now().Year()
	for _, y := range [...]int{year, year - 1} {
		at, rest, ok = cutTime(strconv.Itoa(y)+" "+line, "2006 "+time.Stamp, time.Local)
		if ok && !at.After(r.Now().AddDate(0, 0, 1)) { // last December is read in January
			break
		}
	}
	if !ok {
		return at, "", false
	}
	if fraction, has := strings.CutPrefix(rest, "."); has {
		digits, after, _ := strings.Cut(fraction, " ")
		f, err := strconv.ParseFloat("0."+digits, 64)
		if err != nil {
			return at, "", false
		}
		return at.Add(time.Duration(f * float64(time.Second)).Round(time.Microsecond)), after, true
	}
	rest, ok = strings.CutPrefix(rest, " ")
	return at, rest, ok
}

// cutTime splits off a time whose text is as long as the layout.
func cutTime(line, layout string, zone *time.Location) (at time.Time, rest string, ok bool) {
	if len(line) <= len(layout) {
		return at, "", false
	}
	at, err := time.ParseInLocation(layout, line[:len(layout)], zone)
	return at, line[len(layout):], err == nil
}

// fullStamp reads "Fri 2026-11-27 10:00:04 UTC", as `journalctl -o short-full` writes it.
func fullStamp(_ *Reader, line string) (at time.Time, rest string, ok bool) {
	part := strings.SplitN(line, " ", 5)
	if len(part) < 5 {
		return at, "", false
	}
	at, ok = readFull(strings.Join(part[:3], " "), part[3], time.Local)
	return at, part[4], ok
}

// readFull reads a time of day in a zone, which is a number, UTC, or one of the names of
// the local zone: the same name may be that of other zones elsewhere. at is zero, and ok
// true, if the zone is not known.
func readFull(clock, zone string, local *time.Location) (at time.Time, ok bool) {
	const layout = "Mon 2006-01-02 15:04:05.999999999"
	if _, err := time.Parse(layout, clock); err != nil {
		return at, false
	}
	for _, form := range [...]string{"-07", "-0700", "-07:00"} {
		if at, err := time.Parse(layout+" "+form, clock+" "+zone); err == nil {
			return at, true
		}
	}
	if zone == "UTC" || zone == "GMT" {
		local = time.UTC
	}
	at, err := time.ParseInLocation(layout, clock, local)
	if name, _ := at.Zone(); err == nil && (name == zone || local == time.UTC) {
		return at, true
	}
	return time.Time{}, true
}

// unixStamp reads "1795773605.123456", as `journalctl -o short-unix` writes it.
func unixStamp(_ *Reader, line string) (at time.Time, rest string, ok bool) {
	first, rest, _ := strings.Cut(line, " ")
	seconds, fraction, ok := strings.Cut(first, ".")
	s, err := strconv.ParseUint(seconds, 10, 40)
	f, bad := strconv.ParseUint(fraction, 10, 20)
	if !ok || err != nil || bad != nil || len(fraction) != 6 || len(seconds) < 9 {
		return at, "", false
	}
	return time.Unix(int64(s), int64(f)*1000), rest, true
}
