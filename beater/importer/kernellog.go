package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/qubesbeat/qubesbeat/beater/publish"
	"github.com/qubesbeat/qubesbeat/internal/eventimport"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/module/firewall"
)

// KernelLog imports logs of the kernel. It implements [Work].
type KernelLog struct {
	Config firewall.LogConfig
	// Find names the qubes. It must not be nil.
	Find firewall.Enrich

	run *Run
	log *firewall.Log
}

var _ Work = (*KernelLog)(nil) // type check

// Open implements [Work].
func (k *KernelLog) Open(r *Run) error {
	out, err := r.Clients.Open(publish.NoProcessing)
	if err != nil {
		return err
	}
	k.run, k.log = r, firewall.NewLog(k.Config, out, k.Find)
	return nil
}

// Read implements [Work].
func (k *KernelLog) Read(ctx context.Context) error { return k.log.Run(ctx) }

// Finish implements [Work].
func (k *KernelLog) Finish() error { return nil }

// Progress implements [Work].
func (k *KernelLog) Progress(time.Duration) string {
	c := k.log.Counts()
	return fmt.Sprintf("%s lines  %s verdicts", report.Count(c.Lines), report.Count(c.Verdicts))
}

// Summary implements [Work].
func (k *KernelLog) Summary(elapsed time.Duration) string {
	c := k.log.Counts()
	text := ""
	if why := c.LeftOut(); why != "" {
		text = fmt.Sprintf("qubesbeat: lines left out: %s\n", why)
	}
	text += fmt.Sprintf("qubesbeat: %s of %s, from %s of %s", report.Counted(c.Verdicts, "verdict"), report.Counted(c.Packets, "packet"),
		report.Counted(c.Lines, "line"), report.Counted(uint64(c.Files), "file"))
	if k.run.Output.Name() == "elasticsearch" {
		text += fmt.Sprintf("; %s were there", report.Count(k.run.Delivery.Duplicates()))
	}
	return text + fmt.Sprintf("; %v\n", eventimport.Elapsed(elapsed))
}

// Incomplete implements [Work].
func (k *KernelLog) Incomplete() error {
	if n := k.log.Counts().Timeless; n > 0 {
		return fmt.Errorf("%d lines about packets have no time of day; export the log with one, such as journalctl -k -o short-iso", n)
	}
	return nil
}
