package packetstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Read says who has read which packets.
type Read struct {
	At      time.Time `json:"at"`
	UID     int       `json:"uid"`            // -1 if it is not known
	PID     int       `json:"pid"`            // likewise
	Command string    `json:"command"`        // pcap get
	What    string    `json:"what"`           // qube=work from=...
	Sudo    string    `json:"sudo,omitempty"` // the user that sudo names
}

// Names and bound of the log of what was read.
const (
	readLog     = "reads.log"
	oldReadLog  = "reads.log.1"
	maxReadLog  = 4 << 20
	maxReadText = 1000
)

// NoteRead adds a line to reads.log in the folder of a store. At 4 MiB the file becomes
// reads.log.1.
func NoteRead(dir string, r Read) error {
	r.Command, r.What, r.Sudo = shortText(r.Command), shortText(r.What), shortText(r.Sudo)
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, readLog)
	if info, err := os.Lstat(path); err == nil && info.Size() >= maxReadLog {
		if err := os.Rename(path, filepath.Join(dir, oldReadLog)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("noting what is read: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("noting what is read: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("noting what is read: %w", err)
	}
	return nil
}

func shortText(text string) string { return text[:min(len(text), maxReadText)] }
