package cmd

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/internal/blocky"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// importCommand returns `import`, which takes what was made elsewhere: events, logs of the
// kernel, and configurations of other programs. name is the name that the beat runs
// under.
func importCommand(name string, options *beater.Options) *cobra.Command {
	parent := group(&cobra.Command{Use: "import", Short: "Send events or logs that are there already, or translate another program's configuration"})
	parent.AddCommand(importEventsCommand(name, options), importLogCommand(name, options), quiet(&cobra.Command{
		Use: "blocky FILE", Args: cobra.ExactArgs(1),
		Short: "Print the resolver section that corresponds to a configuration of blocky",
		Long: "Prints the section on standard output. What is not translated exactly is named on standard error, with its effect.\n" +
			"Run it in sys-log: files that cannot be read are left out. Nothing is printed that `qubesbeat test config` refuses.",
		RunE: func(c *cobra.Command, args []string) error {
			text, err := readInput(c, args[0])
			if err != nil {
				return printError(c, err)
			}
			r, err := blocky.Convert(text, files{})
			if r != nil {
				for _, w := range r.Warnings {
					fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s: %s\n", args[0], safetext.Line(w))
				}
			}
			if err != nil {
				return printError(c, fmt.Errorf("%s: %w", args[0], err))
			}
			if err := checkImported(r.YAML); err != nil {
				return printError(c, fmt.Errorf("%s: nothing is printed, because the beat would refuse it; correct the file, "+
					"and report this as a fault of the import: %w", args[0], err))
			}
			_, err = c.OutOrStdout().Write(r.YAML)
			return err
		},
	}))
	return parent
}

// readInput reads a file, or standard input if path is "-".
func readInput(c *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(c.InOrStdin())
	}
	return os.ReadFile(path)
}
