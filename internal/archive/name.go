package archive

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	suffix     = ".ndjson"
	zstdSuffix = ".zst"
	idsSuffix  = ".ids"
)

var (
	senderForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}\.ndjson$`)
)

// fileName returns the name of an archived file.
func fileName(number int, name string) string {
	return fmt.Sprintf("%08d-%s%s", number, name, zstdSuffix)
}

// idsName returns the name of the file with the identities of the events of another.
func idsName(file string) string {
	return strings.TrimSuffix(file, suffix+zstdSuffix) + idsSuffix
}
