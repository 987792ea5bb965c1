package kernellog

import (
	"strconv"
	"strings"
)

// maxTimes bounds how many messages one of rsyslog can stand for.
const maxTimes = 1_000_000

// repeated takes apart "message repeated 3 times: [ MESSAGE]", which rsyslog writes for
// messages that are the same as the one before, and cuts if it is long. times is 0 for any
// other message.
func repeated(message string) (text string, times uint32) {
	rest, ok := strings.CutPrefix(message, "message repeated ")
	if !ok {
		return message, 0
	}
	number, inside, ok := strings.Cut(rest, " times: [")
	n, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return message, 0
	}
	inside = strings.TrimSuffix(strings.TrimPrefix(inside, " "), "]")
	return withoutSeconds(inside), uint32(min(n, maxTimes))
}
