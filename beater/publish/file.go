package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/outputs/codec"
	"github.com/elastic/beats/v7/libbeat/outputs/fileout"
	"github.com/elastic/beats/v7/libbeat/publisher"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

// FileOutput is the name under which libbeat knows our file output. In a configuration
// it is output.file: see [Files.Adopt].
const FileOutput = "eventfile"

// Files are the files of the file output. There is at most one in a process.
type Files struct {
	writer atomic.Pointer[eventfile.Writer]
}

// fileConfig has the keys of libbeat's file output, and min_free_kb.
type fileConfig struct {
	Path            *fileout.PathFormatString `config:"path" validate:"required"`
	Filename        string                    `config:"filename"`
	RotateEveryKb   uint32                    `config:"rotate_every_kb" validate:"min=1"`
	NumberOfFiles   uint32                    `config:"number_of_files" validate:"min=2, max=1024"`
	Permissions     uint32                    `config:"permissions" validate:"max=511"`
	RotateOnStartup bool                      `config:"rotate_on_startup"`
	MinFreeKb       uint32                    `config:"min_free_kb"`
	Codec           codec.Config              `config:"codec"`
	Queue           conf.Namespace            `config:"queue"`
}

// Register makes the output known to libbeat. It must be called once, before a
// configuration is read.
func (f *Files) Register() { outputs.RegisterType(FileOutput, f.load) }

// Adopt turns output.file into our output, in settings that libbeat has not looked at
// yet. libbeat's own output of that name cannot be replaced, and deletes history
// when it starts and when the disk is full.
func (f *Files) Adopt(settings *conf.C) {
	if settings == nil {
		return
	}
	file, err := settings.Child("output.file", -1)
	if err != nil {
		return // there is none
	}
	if _, err := settings.Remove("output.file", -1); err == nil {
		_ = settings.SetChild("output."+FileOutput, -1, file)
	}
}

// defaultFiles returns the settings of libbeat's file output.
func defaultFiles() fileConfig {
	return fileConfig{RotateEveryKb: 10 << 10, NumberOfFiles: 7, Permissions: 0o600}
}

// Capacity returns how many bytes the files of an output hold, 0 if it is not the file
// output.
func Capacity(output conf.Namespace) int64 {
	settings := defaultFiles()
	if output.Name() != FileOutput || output.Config().Unpack(&settings) != nil {
		return 0
	}
	return settings.total()
}

// Folder returns the folder of an output's files, "" if it is not the file output.
func Folder(output conf.Namespace) string {
	settings := defaultFiles()
	if output.Name() != FileOutput || output.Config().Unpack(&settings) != nil {
		return ""
	}
	dir, err := settings.Path.Run(time.Now().UTC())
	if err != nil {
		return "" // load reports it
	}
	return dir
}

// total returns how many bytes the files may hold together.
func (c *fileConfig) total() int64 { return int64(c.RotateEveryKb) << 10 * int64(c.NumberOfFiles) }

// load implements [outputs.Factory].
func (f *Files) load(_ outputs.IndexManager, info beat.Info, observer outputs.Observer, c *conf.C) (outputs.Group, error) {
	settings := defaultFiles()
	if err := c.Unpack(&settings); err != nil {
		return outputs.Fail(fmt.Errorf("output.file: %w", err))
	}
	w, err := f.open(info, &settings)
	if err != nil {
		return outputs.Fail(err)
	}
	enc, err := codec.CreateEncoder(info, settings.Codec)
	if err != nil {
		return outputs.Fail(err)
	}
	return outputs.Success(settings.Queue, -1, 0, nil, info.Logger, &fileOutput{writer: w, codec: enc, index: info.Beat, observer: observer, log: info.Logger.Named("file")})
}

// open makes the writer.
func (f *Files) open(info beat.Info, c *fileConfig) (*eventfile.Writer, error) {
	dir, err := c.Path.Run(time.Now().UTC())
	if err != nil {
		return nil, fmt.Errorf("output.file.path: %w", err)
	}
	if c.Filename == "" {
		c.Filename = info.Beat
	}
	w, err := eventfile.New(eventfile.Config{Dir: dir, Name: c.Filename, Host: info.Name, FileBytes: int64(c.RotateEveryKb) << 10, TotalBytes: c.total(),
		MinFree: int64(c.MinFreeKb) << 10, Mode: fs.FileMode(c.Permissions), Fresh: c.RotateOnStartup,
		Logger: NewLogger(info.Logger.Named("file"))})
	if err != nil {
		return nil, fmt.Errorf("output.file: %w", err)
	}
	f.writer.Store(w)
	return w, nil
}

// Rotate completes the file in use.
func (f *Files) Rotate() error {
	w := f.writer.Load()
	if w == nil {
		return errors.New("the output is no file")
	}
	return w.Rotate()
}

// Metrics implements [metrics.Source].
func (f *Files) Metrics(m *metrics.Set) {
	w := f.writer.Load()
	if w == nil {
		return
	}
	s := w.Stats()
	m.Group("file")
	m.Add("written", s.Written)
	m.Add("refused", s.Refused)
	m.Add("removed_by_others", s.Lost)
	m.Add("torn_lines", s.Torn)
	m.Add("completed_files", s.Completed)
	m.Add("deleted_files", s.Deleted)
	m.Add("deleted_bytes", s.DeletedBytes)
	m.Flag("stopped", s.Stopped)
}

// fileOutput writes batches of events into a file.
type fileOutput struct {
	writer   *eventfile.Writer
	codec    codec.Codec
	index    string
	observer outputs.Observer
	log      *logp.Logger
}

var _ outputs.Client = (*fileOutput)(nil) // type check

// Publish implements outputs.Client. What cannot be written is refused for good: the
// beat counts it and goes on.
func (o *fileOutput) Publish(_ context.Context, batch publisher.Batch) error {
	defer batch.ACK()
	events := batch.Events()
	o.observer.NewBatch(len(events))
	begun, bytes, bad := time.Now(), 0, 0
	for i := range events {
		line, err := o.codec.Encode(o.index, &events[i].Content)
		if err != nil {
			o.log.Errorf("An event cannot be encoded: %v", err)
			bad++
			continue
		}
		bytes += len(line) + 1
		o.writer.Append(line)
	}
	bad += int(o.writer.Flush())
	o.observer.WriteBytes(bytes)
	o.observer.ReportLatency(time.Since(begun))
	o.observer.PermanentErrors(bad)
	o.observer.AckedEvents(len(events) - bad)
	return nil
}

// Close implements outputs.Client.
func (o *fileOutput) Close() error { return o.writer.Close() }

// String implements outputs.Client.
func (o *fileOutput) String() string { return "file(" + o.writer.Path() + ")" }
