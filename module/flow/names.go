package flow

// flagOrder are the TCP flags from the lowest bit up (RFC 9293 section 3.1).
var flagOrder = [8]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"}

// flagSets holds the names of every set of flags: 256 small slices, made once, instead
// of one per event.
var flagSets = func() (sets [256][]string) {
	for set := range sets {
		for bit, name := range flagOrder {
			if set&(1<<bit) != 0 {
				sets[set] = append(sets[set], name)
			}
		}
	}
	return sets
}()

func flagNames(flags uint8) []string { return flagSets[flags] }

// macString formats an address as ECS wants it: upper case, with hyphens.
func macString(mac [6]byte) string {
	const digits = "0123456789ABCDEF"
	var b [17]byte
	for i, c := range mac {
		if i > 0 {
			b[i*3-1] = '-'
		}
		b[i*3], b[i*3+1] = digits[c>>4], digits[c&15]
	}
	return string(b[:])
}
