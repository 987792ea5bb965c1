package kernellog

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// text reads a line of syslog, dmesg, /dev/kmsg, or `journalctl -o short` and its
// variants.
func (r *Reader) text(line string) (Message, Origin) {
	rest, facility, hasPriority := priority(line)
	if hasPriority && facility != kern {
		if inside, _, _ := bracket(rest); !seconds.MatchString(inside) || inside == "" { // not dmesg --raw, which names no program
			r.named(OtherProgram)
		}
		return Message{}, OtherProgram
	}
	if hasPriority {
		if m, o, ok := r.rfc5424(rest, "kernel"); ok {
			r.named(o)
			return m, o
		}
	}
	if at, rest, ok := r.stamp(rest); ok {
		text, o := afterHost(rest)
		r.named(o)
		return r.finish(Message{text, at}, o)
	}
	if m, o, ok := r.ring(rest); ok {
		m, o = r.finish(m, o)
		return r.unlessForeign(m, o)
	}
	return Message{}, UnknownHeader
}

// kern is the facility of the kernel (RFC 5424 section 6.2.1).
const kern = 0

// priority splits off "<4>", as syslog sends it and dmesg --raw prints it.
func priority(line string) (rest string, facility int, ok bool) {
	inner, isTagged := strings.CutPrefix(line, "<")
	if !isTagged {
		return line, 0, false
	}
	digits, rest, _ := strings.Cut(inner, ">")
	n, err := strconv.ParseUint(digits, 10, 10)
	if err != nil {
		return line, 0, false
	}
	return rest, int(n >> 3), true
}

// rfc5424 reads "1 TIME HOST APP-NAME PROCID MSGID STRUCTURED-DATA MSG" of the programs
// that count as the kernel.
func (r *Reader) rfc5424(line string, programs ...string) (Message, Origin, bool) {
	rest, ok := strings.CutPrefix(line, "1 ")
	if !ok {
		return Message{}, UnknownHeader, false
	}
	part := strings.SplitN(rest, " ", 6)
	if len(part) < 6 || !slices.Contains(programs, part[2]) {
		return Message{}, OtherProgram, true
	}
	at, _ := time.Parse(time.RFC3339Nano, part[0]) // or "-": no time
	text, ok := afterData(part[5])
	if !ok {
		return Message{}, UnknownHeader, true
	}
	m, o := r.finish(Message{withoutSeconds(strings.TrimPrefix(text, mark)), at}, Kernel)
	return m, o, true
}

// afterData splits off the structured data of RFC 5424, "-" or "[id name="value"]…".
func afterData(text string) (message string, ok bool) {
	if rest, none := strings.CutPrefix(text, "- "); none {
		return rest, true
	}
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && !strings.HasPrefix(text[i+1:], "["):
			return strings.CutPrefix(text[i+1:], " ")
		}
	}
	return "", false
}

// afterHost reads what follows a time: a host, or a facility, or both in that order, and
// then the name of the program, which must be "kernel". Any other word may be the name of
// a program, behind which stands what that program likes.
func afterHost(rest string) (text string, o Origin) {
	rest = withoutHost(rest)
	if word, after, _ := strings.Cut(rest, " "); isFacility(word) && strings.HasPrefix(word, "kern.") {
		rest = after
	}
	if text, ok := strings.CutPrefix(rest, "kernel: "); ok {
		return withoutSeconds(text), Kernel
	}
	return "", OtherProgram
}

// withoutHost removes the name of a host.
func withoutHost(rest string) string {
	if word, after, _ := strings.Cut(rest, " "); isHost(word) && !isFacility(word) {
		return after
	}
	return rest
}

// isHost reports whether a word can be the name or the address of a host.
func isHost(word string) bool {
	return word != "" && !strings.HasSuffix(word, ":") && !strings.ContainsFunc(word, func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("._-:", c))
	})
}

// isFacility reports whether a word is a facility with a level, such as "kern.warn", as
// busybox and OpenWrt write them.
func isFacility(word string) bool {
	name, level, ok := strings.Cut(word, ".")
	return ok && isLevel(level) && slices.Contains(facilities, name)
}

// facilities are those of syslog(3).
var facilities = strings.Fields("kern user mail daemon auth syslog lpr news uucp cron authpriv ftp " +
	"local0 local1 local2 local3 local4 local5 local6 local7")

// levels are those of syslog(3).
var levels = strings.Fields("emerg alert crit err warn warning notice info debug")

func isLevel(word string) bool { return slices.Contains(levels, word) }
