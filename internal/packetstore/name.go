package packetstore

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Names of what is in the store's folder beside the folders of qubes.
const (
	chainName = "chain.log"
	oldChain  = "chain.log.1"
	lockName  = "lock"
	keptName  = "kept"

	segmentSuffix = ".pcapng"
	ageSuffix     = ".age" // behind it, if the segment is encrypted
	packedSuffix  = ".zst" // if it is compressed
	indexSuffix   = ".idx"
	openPrefix    = ".open-"
)

// folderOf returns the name of a qube's folder: the qube's own, with all that Qubes does
// not allow in names escaped, so that no name leads out of the store or to a file of it.
func folderOf(qube string) string {
	switch qube {
	case "":
		return "_"
	case chainName, oldChain, lockName, keptName, readLog, oldReadLog:
		return fmt.Sprintf("%%%02X%s", qube[0], qube[1:])
	}
	var b strings.Builder
	for i := range len(qube) {
		if c := qube[i]; plain(c) && (i > 0 || c != '.') {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		if b.Len() > 200 {
			break
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

var (
	folderForm  = regexp.MustCompile(`^(?:[A-Za-z0-9_-]|%[0-9A-F]{2})(?:[A-Za-z0-9_.-]|%[0-9A-F]{2})*$`)
	segmentForm = regexp.MustCompile(`^([0-9a-f]{8})-(\d{6,10})-(\d{8}T\d{6}Z)\.pcapng(?:\.age|\.zst)?$`)
	openForm    = regexp.MustCompile(`^\.open-.*-([0-9a-f]{8})-(\d{6,10})\.pcapng(?:\.age)?$`)
)

// isFolder reports whether a name is one that folderOf returns.
func isFolder(name string) bool {
	return folderForm.MatchString(name) && name != keptName && name != chainName && name != oldChain && name != lockName && name != readLog && name != oldReadLog
}

// qubeOf returns the qube of a folder; the folder's name if folderOf did not make it.
func qubeOf(folder string) string {
	if folder == "_" {
		return ""
	}
	var b strings.Builder
	for i := 0; i < len(folder); i++ {
		if folder[i] == '%' && i+2 < len(folder) {
			if c, err := strconv.ParseUint(folder[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(folder[i])
	}
	return b.String()
}

// startForm is how the time of the first packet is written in names.
const startForm = "20060102T150405Z"

// segmentName returns the name of a sealed segment, from the store's folder on.
func segmentName(folder, boot string, seq uint32, first int64) string {
	return fmt.Sprintf("%s/%s-%06d-%s%s", folder, boot, seq, startText(first), segmentSuffix)
}

// startText is a time in a name: of the years 1970 to 9999, as startForm has room for.
func startText(at int64) string { return time.Unix(0, max(at, 0)).UTC().Format(startForm) }

// startOf returns the time in the name of a sealed segment, 0 if it is none.
func startOf(name string) int64 {
	_, file := splitName(name)
	m := segmentForm.FindStringSubmatch(file)
	if m == nil {
		return 0
	}
	at, err := time.Parse(startForm, m[3])
	if err != nil {
		return 0
	}
	return at.UnixNano()
}

// openName returns the name of a segment that is being filled.
func openName(vif, boot string, seq uint32) string {
	return fmt.Sprintf("%s%s-%s-%06d%s", openPrefix, folderOf(vif), boot, seq, segmentSuffix)
}

// indexName returns the name of a segment's index.
func indexName(segment string) string {
	return strings.TrimSuffix(strings.TrimSuffix(plainName(segment), ageSuffix), segmentSuffix) + indexSuffix
}

// packedName returns the name that a segment has when it is compressed.
func packedName(segment string) string { return plainName(segment) + packedSuffix }

// plainName returns the name that a segment has before it is compressed.
func plainName(segment string) string { return strings.TrimSuffix(segment, packedSuffix) }

// isPacked reports whether the segment of a name is compressed.
func isPacked(name string) bool { return strings.HasSuffix(name, packedSuffix) }

// isEncrypted reports whether the segment of a name is encrypted.
func isEncrypted(name string) bool { return strings.HasSuffix(name, ageSuffix) }

// sequence returns boot and number of a segment by its name without the folder.
func sequence(name string) (boot string, seq uint32, ok bool) {
	m := segmentForm.FindStringSubmatch(name)
	if m == nil {
		m = openForm.FindStringSubmatch(name)
	}
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.ParseUint(m[2], 10, 32)
	return m[1], uint32(n), err == nil
}

// splitName returns folder and file of a name.
func splitName(name string) (folder, file string) {
	folder, file, _ = strings.Cut(name, "/")
	return folder, file
}
