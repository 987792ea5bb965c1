package cmd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	"github.com/qubesbeat/qubesbeat/module/finding"
)

// dataFlag adds the flag that says which folder is path.data.
func dataFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "data", "/var/lib/qubesbeat", "path.data of the beat")
}

// baselineExport returns the command that writes all baselines to a file.
func baselineExport() *cobra.Command {
	dir := ""
	c := &cobra.Command{Use: "export FILE", Args: cobra.ExactArgs(1), Short: "Write the usual behaviour of all qubes to a file, to carry it to another logging qube",
		Long: "Writes what the beat has learned, and the key of its hashes, to a file for its owner only: who has the file can test which\n" +
			"destinations a qube has used. What was learned in the last ten minutes may be missing while the beat runs.",
		RunE: func(c *cobra.Command, args []string) error {
			b, err := finding.Export(dir)
			if err == nil {
				err = atomicfile.Write(args[0], b)
			}
			if err != nil {
				return printError(c, err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d bytes\n", args[0], len(b))
			return err
		}}
	dataFlag(c, &dir)
	return c
}

// maxExport bounds the size of an export, in bytes: a state is a few MiB.
const maxExport = 64 << 20

// baselineImport returns the command that reads such a file.
func baselineImport() *cobra.Command {
	dir := ""
	c := &cobra.Command{Use: "import FILE", Args: cobra.ExactArgs(1), Short: "Start with the usual behaviour that another logging qube has learned",
		RunE: func(c *cobra.Command, args []string) error {
			n, err := importBaselines(dir, args[0])
			if err != nil {
				return printError(c, err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "baselines of %d qubes; start the beat\n", n)
			return err
		}}
	dataFlag(c, &dir)
	return c
}

// importBaselines reads an export into the folder of a beat that does not run.
func importBaselines(dir, path string) (subjects int, err error) {
	if conn, err := net.Dial("unix", finding.Socket(dir)); err == nil {
		_ = conn.Close()
		return 0, errors.New("the beat runs, and would write its own baselines over these; stop it first")
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("importing baselines: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxExport))
	if err != nil {
		return 0, fmt.Errorf("importing baselines: %w", err)
	}
	return finding.Import(dir, b)
}
