package config

import (
	"errors"
	"fmt"
)

// Firewall describes where firewall verdicts come from.
type Firewall struct {
	// Enabled turns the events of refused connection attempts on. Default false.
	Enabled bool `config:"enabled"`
	// NFLogGroup is the netlink group that the rules of `qubesbeat qubes apply` log
	// to. Default 53; 0 for none.
	NFLogGroup uint16 `config:"nflog_group"`
	// KernelLog reads /dev/kmsg, for LOG rules of the user. Default false.
	KernelLog bool `config:"kernel_log"`
	// LogFiles are files with the same lines, followed from their end. Empty, the
	// default, for none.
	LogFiles []LogFile `config:"log_files"`
	// ICMPErrors derives verdicts from the ICMP errors on the vifs if the rules of
	// `qubesbeat qubes apply` are absent. Default true.
	ICMPErrors bool `config:"icmp_errors"`
}

// Group returns the NFLOG group to read, 0 for none.
func (f *Firewall) Group() uint16 {
	if !f.Enabled {
		return 0
	}
	return f.NFLogGroup
}

// LogFile is a file with lines of the kernel. In the configuration it is a path, or an
// object with path and format.
type LogFile struct {
	// Path is the file to follow. It need not exist.
	Path string `config:"path"`
	// Format is "" for lines with a header that says who has written them, "bare" or
	// "ulogd".
	Format string `config:"format"`
}

// Unpack implements the interface of the configuration's values.
func (f *LogFile) Unpack(v any) error {
	switch v := v.(type) {
	case string:
		return f.unpackObject(map[string]any{"path": v})
	case map[string]any:
		return f.unpackObject(v)
	}
	return fmt.Errorf("%v is neither a path nor {path: …, format: …}", v)
}

func (f *LogFile) unpackObject(m map[string]any) error {
	for key, value := range m {
		text, ok := value.(string)
		switch {
		case ok && key == "path":
			f.Path = text
		case ok && key == "format" && (text == "auto" || text == "bare" || text == "ulogd"):
			if f.Format = text; text == "auto" {
				f.Format = ""
			}
		case key == "format":
			return fmt.Errorf("format: %v is not auto, bare or ulogd", value)
		default:
			return fmt.Errorf("%s: unknown key; a log file has path and format", key)
		}
	}
	if f.Path == "" {
		return errors.New("a log file needs a path")
	}
	return nil
}
