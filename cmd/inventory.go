package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// inventoryCommand shows and checks inventory files.
func inventoryCommand() *cobra.Command {
	var fields []string
	parent := &cobra.Command{
		Use:   "inventory",
		Short: "Show, check, receive or pull an inventory of qubes",
		Long: "Reads an inventory as dom0 prints it (qvm-ls --raw-data --fields ...), the older NAME|IP list,\n" +
			"or qubesbeat's JSON, and shows what the beat would make of it.",
	}
	parent.PersistentFlags().StringSliceVar(&fields, "fields", nil, "columns of a list that has no #fields line, such as NAME,IP,LABEL")
	parent.AddCommand(
		&cobra.Command{
			Use: "show FILE", Short: "Print the qubes as a table", Args: cobra.ExactArgs(1), SilenceUsage: true, SilenceErrors: true,
			RunE: func(c *cobra.Command, args []string) error { return showInventory(c, args[0], fields) },
		},
		&cobra.Command{
			Use: "check FILE", Short: "Say whether the beat would take the inventory", Args: cobra.ExactArgs(1), SilenceUsage: true, SilenceErrors: true,
			RunE: func(c *cobra.Command, args []string) error { return checkInventory(c, args[0], fields) },
		}, receiveCommand(), pullCommand())
	return parent
}

// receiveCommand is the qrexec service for a qube whose template has no package:
// qrexec calls it, instead of the socket of a running beat.
func receiveCommand() *cobra.Command {
	file := ""
	c := quiet(&cobra.Command{
		Use: "receive", Short: "Be the qrexec service that dom0 pushes the inventory to", Args: cobra.NoArgs,
		Long: "Reads an inventory from standard input and replaces the file with it, if it is a good one. To be called\n" +
			"by qrexec as the service " + inventory.Service + "; a call from any other qube than dom0 is refused.",
		RunE: func(c *cobra.Command, _ []string) error { return complain(c, receiveInventory(c.InOrStdin(), file)) },
	})
	c.Flags().StringVar(&file, "file", "/rw/config/qubesbeat/inventory", "file to replace: inventory.file of the beat")
	return c
}

func receiveInventory(in io.Reader, file string) error {
	if err := inventory.CheckCaller(os.Getenv("QREXEC_REMOTE_DOMAIN")); err != nil {
		return fmt.Errorf("%w (QREXEC_REMOTE_DOMAIN, which qrexec sets)", err)
	}
	return inventory.Store(file, in, inventory.Options{})
}

func showInventory(c *cobra.Command, path string, fields []string) error {
	s, err := readInventory(c, path, fields)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tLABEL\tCLASS\tSTATE\tNETVM\tIP\tIP6\tVIF\tTEMPLATE")
	for i := range s.Qubes {
		q := &s.Qubes[i]
		fmt.Fprintln(w, strings.Join([]string{q.Name, dash(q.Label), dash(q.Class), dash(q.State), dash(q.NetVM),
			addr(q.IP.IsValid(), q.IP), addr(q.IP6.IsValid(), q.IP6), vif(q), dash(q.Template)}, "\t"))
	}
	return w.Flush()
}

func checkInventory(c *cobra.Command, path string, fields []string) error {
	s, err := readInventory(c, path, fields)
	if err != nil {
		return err
	}
	running := 0
	for i := range s.Qubes {
		if s.Qubes[i].XID >= 0 {
			running++
		}
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: OK, %d qubes, %d with a running domain\n", path, len(s.Qubes), running)
	return nil
}

// readInventory parses a file, "-" for standard input. What is wrong with it is
// printed line by line.
func readInventory(c *cobra.Command, path string, fields []string) (*inventory.Snapshot, error) {
	var in io.Reader = c.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, complain(c, err)
		}
		defer f.Close()
		in = f
	}
	s, err := inventory.Parse(in, inventory.Options{Fields: fields})
	if err == nil {
		return s, nil
	}
	problems := inventory.Problems(err)
	if len(problems) == 0 {
		return nil, complain(c, fmt.Errorf("%s: %w", path, err))
	}
	for _, p := range problems {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s: %v\n", path, p)
	}
	return nil, errInventory
}

// errInventory ends the command after everything has been said.
var errInventory = errors.New("inventory not usable")

// complain says what is wrong, if anything is, and hands it on.
func complain(c *cobra.Command, err error) error {
	if err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %v\n", err)
	}
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func addr(valid bool, a fmt.Stringer) string {
	if !valid {
		return "-"
	}
	return a.String()
}

func vif(q *qube.Qube) string {
	if q.XID < 0 {
		return "-"
	}
	return fmt.Sprintf("vif%d.0", q.XID)
}
