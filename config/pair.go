package config

import "strings"

// Pair reads two names of qubes with > between them. ok is false if one is missing.
func Pair(text string) (from, to string, ok bool) {
	from, to, ok = strings.Cut(text, ">")
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	return from, to, ok && from != "" && to != ""
}
