package cmd

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/archive"
)

// archiveCall is how sys-log reaches the archive: dom0's policy chooses the qube.
var archiveCall = []string{"qrexec-client-vm", "@default", "qubesbeat.Archive"}

// archiveSendCommand is the side of the logging qube.
func archiveSendCommand() *cobra.Command {
	var conf archive.SendConfig
	c := quiet(&cobra.Command{
		Use: "send [flags] [-- PROGRAM ARG...]", Short: "Send the complete files of events to the archive",
		Long: "Offers the complete files of a folder, oldest first, to `qubesbeat archive receive`, which PROGRAM reaches on its\n" +
			"standard input and output. A file counts as archived once that has acknowledged it; what was not acknowledged is\n" +
			"offered again the next time. Without PROGRAM: " + fmt.Sprint(archiveCall) + ".",
		RunE: func(c *cobra.Command, program []string) error {
			if len(program) == 0 {
				program = archiveCall
			}
			conf.Logger = newLogger(c.ErrOrStderr())
			sent, err := archiveSend(c.Context(), c, &conf, program)
			fmt.Fprintf(c.OutOrStdout(), "%d files archived (%d events; %d were there, %d have the id of another, %d lines are none), "+
				"%d were archived before, %d refused, %d deleted here\n",
				sent.Stored, sent.Events, sent.Duplicates, sent.Conflicts, sent.Lines, sent.Known, sent.Refused, sent.Deleted)
			if err == nil && sent.Refused > 0 {
				err = fmt.Errorf("the archive refuses %d files", sent.Refused)
			}
			return printError(c, err)
		},
	})
	f := c.Flags()
	f.StringVar(&conf.Dir, "dir", "/var/lib/qubesbeat/events", "folder with the files, output.file.path")
	f.StringVar(&conf.Receipts, "receipts", "/var/lib/qubesbeat/archive-receipts.json", "file that remembers what was acknowledged")
	f.BoolVar(&conf.Delete, "delete", false, "delete files once they are archived")
	return c
}

// endTime is how long PROGRAM may take to end after the transfer.
const endTime = 10 * time.Second

// archiveSend runs a program that reaches the archive, and sends the files.
func archiveSend(ctx context.Context, c *cobra.Command, conf *archive.SendConfig, program []string) (sent archive.Sent, err error) {
	call := exec.CommandContext(ctx, program[0], program[1:]...)
	call.Stderr = c.ErrOrStderr()
	call.WaitDelay = endTime
	in, err := call.StdinPipe()
	if err != nil {
		return sent, err
	}
	out, err := call.StdoutPipe()
	if err != nil {
		return sent, err
	}
	if err := call.Start(); err != nil {
		return sent, fmt.Errorf("reaching the archive: %w", err)
	}
	sent, err = archive.Send(*conf, out, in)
	if err != nil {
		_ = call.Process.Kill() // it may wait for bytes that do not come
	}
	_ = in.Close()
	if ended := call.Wait(); ended != nil && err == nil {
		err = errors.Join(fmt.Errorf("%s: %w", program[0], ended))
	}
	return sent, err
}
