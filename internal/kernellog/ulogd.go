package kernellog

import "strings"

// ulogd reads "Nov 27 10:00:13 HOST PREFIX IN=…", as ulogd2's LOGEMU writes it to a file,
// and what syslog writes for ulogd. Lines that name another program are left out.
func (r *Reader) ulogd(line string) (Message, Origin) {
	if line == "" {
		return Message{}, Partial
	}
	rest, _, viaSyslog := priority(line)
	if viaSyslog {
		if m, o, ok := r.rfc5424(rest, "kernel", ulogdName); ok {
			return m, o
		}
	}
	at, rest, ok := r.stamp(rest)
	if !ok {
		return Message{}, UnknownHeader
	}
	rest = strings.TrimPrefix(withoutHost(rest), " ")
	if word, after, _ := strings.Cut(rest, " "); isFacility(word) {
		rest, viaSyslog = after, true
	}
	text, isOther := withoutProgram(rest)
	if isOther || viaSyslog && text == rest {
		return Message{}, OtherProgram
	}
	return r.finish(Message{withoutSeconds(text), at}, Kernel)
}

// ulogdName is the name of ulogd2 in syslog.
const ulogdName = "ulogd"

// withoutProgram removes the name of ulogd or of the kernel. It reports whether another
// program is named by its number; without one, a name looks like a prefix.
func withoutProgram(text string) (rest string, isOther bool) {
	word, after, _ := strings.Cut(text, " ")
	name, _, _ := strings.Cut(strings.TrimSuffix(word, ":"), "[")
	switch {
	case word == "kernel:", word == ulogdName+":", isNumbered(word) && name == ulogdName:
		return after, false
	}
	return text, isNumbered(word)
}
