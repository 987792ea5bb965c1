package cmd

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/archive"
)

// archiveCommand returns `archive`: files of events in a qube without network.
func archiveCommand() *cobra.Command {
	parent := group(&cobra.Command{Use: "archive", Short: "Keep files of events in another qube, where they cannot be changed"})
	parent.AddCommand(archiveReceiveCommand(), archiveSendCommand(), archiveVerifyCommand())
	return parent
}

// archiveReceiveCommand is the service in the qube of the archive.
func archiveReceiveCommand() *cobra.Command {
	conf := archive.Config{Inspect: inspectEvent(), Now: time.Now}
	c := quiet(&cobra.Command{
		Use: "receive", Args: cobra.NoArgs,
		Short: "Store the files that a sender offers on standard input (a qrexec service)",
		Long: "Runs as the qrexec service qubesbeat.Archive. It stores events that are not there yet, and never changes or\n" +
			"deletes what is there. The log goes to standard error.",
		RunE: func(c *cobra.Command, _ []string) error {
			if conf.Sender == "" {
				return printError(c, errors.New("who sends is not known: qrexec sets QREXEC_REMOTE_DOMAIN; elsewhere, use --sender"))
			}
			return printError(c, archive.Receive(conf, os.Stdin, os.Stdout, newLogger(c.ErrOrStderr())))
		},
	})
	f := c.Flags()
	f.StringVar(&conf.Dir, "dir", archiveDir(), "folder of the archive")
	f.StringVar(&conf.Sender, "sender", os.Getenv("QREXEC_REMOTE_DOMAIN"), "name of the qube that sends")
	f.Int64Var(&conf.MaxFile, "max-file", 64<<20, "bytes that a file may have")
	f.Int64Var(&conf.MaxBytes, "max-bytes", 20<<30, "bytes on the disk that the files of a sender may have in all")
	f.IntVar(&conf.MaxFiles, "max-files", 200_000, "files that a sender may have")
	f.Int64Var(&conf.MinFree, "min-free", 256<<20, "bytes of the disk that are left free")
	return c
}

// archiveDir is where an archive is by default: in the folder of the user, which an AppVM
// keeps.
func archiveDir() string { return os.ExpandEnv("$HOME/qubesbeat-archive") }

// archiveVerifyCommand checks an archive.
func archiveVerifyCommand() *cobra.Command {
	dir := ""
	c := quiet(&cobra.Command{
		Use: "verify [SENDER...]", Short: "Check that nothing in the archive was changed, and print what it has",
		Long: "Prints a line for each sender, with the digest of its last entry. Who notes that down notices later whether\n" +
			"files were taken away. Exit status 1 if something was changed.",
		RunE: func(c *cobra.Command, senders []string) (err error) {
			if len(senders) == 0 {
				if senders, err = archive.Senders(dir); err != nil {
					return printError(c, err)
				}
			}
			return verifyArchive(c, dir, senders)
		},
	})
	c.Flags().StringVar(&dir, "dir", archiveDir(), "folder of the archive")
	return c
}

func verifyArchive(c *cobra.Command, dir string, senders []string) error {
	table := newTable(c.OutOrStdout())
	fmt.Fprintln(table, "SENDER\tFILES\tEVENTS\tFROM\tTO\tBYTES\tNOT STORED\tDIGEST OF THE LAST ENTRY")
	var faults []error
	for _, sender := range senders {
		s, err := archive.Verify(dir, sender)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", sender, err))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%d\t%d twice, %d with the id of another, %d no events\t%s\n", s.Sender, s.Files, s.Events,
			day(s.First), day(s.Last), s.Bytes, s.Duplicates, s.Conflicts, s.Refused, s.Hash)
	}
	return printError(c, errors.Join(errors.Join(faults...), table.Flush()))
}

// day prints a time, "-" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02 15:04")
}
