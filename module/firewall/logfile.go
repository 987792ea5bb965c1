package firewall

import (
	"os"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// logFile reads one of firewall.log_files.
type logFile struct {
	*kernellog.File
	service *Service
	path    string
	guard   *guard.Part
	reader  kernellog.Reader
	warned  bool // of lines that would be verdicts if their header said so

	foreign, headless atomic.Uint64 // lines of other programs, and of unknown origin
}

// openLogFile opens a file, which need not exist.
func (s *Service) openLogFile(c config.LogFile) (*logFile, error) {
	host, _ := os.Hostname() // "" is understood
	l := &logFile{service: s, path: c.Path, guard: s.deps.Guard.Part("firewall/log_file"),
		reader: kernellog.Reader{Now: time.Now, Format: kernellog.Format(c.Format), Host: host}}
	var err error
	l.File, err = kernellog.OpenFile(kernellog.FileConfig{Path: c.Path, OnLine: l.line, Watch: s.deps.Watch,
		OnFirst: func(line string) { l.reader.Line(line) }, OnReplaced: l.reader.Reset,
		OnError: func(err error) { s.warn("reading a log file", err) }})
	return l, err
}

// line takes a line of the file.
func (l *logFile) line(line string) {
	_ = l.guard.Do(func() []byte { return []byte(line) }, func() {
		switch m, origin := l.reader.Line(line); origin {
		case kernellog.Kernel:
			l.service.message(m.Text, m.At, firewall.LogFile)
		case kernellog.OtherProgram:
			l.foreign.Add(1)
			l.warn(line)
		case kernellog.UnknownHeader:
			l.headless.Add(1)
			l.warn(line)
		}
	})
}

// warn says once what to do about lines that look like the kernel's and do not say that
// they are.
func (l *logFile) warn(line string) {
	if l.warned {
		return
	}
	if _, ok := kernellog.Parse(line); !ok {
		return
	}
	l.warned = true
	l.service.deps.Logger.Warn("a log file has lines about packets whose header does not say that the kernel has written them; they are left out. "+
		"If only ulogd, or only the kernel, writes the file, set the format of this entry of firewall.log_files to ulogd or bare", "path", l.path)
}
