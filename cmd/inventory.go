package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qrexec"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// inventoryCommand shows, checks, receives and pulls inventories.
func inventoryCommand() *cobra.Command {
	var fields []string
	parent := group(&cobra.Command{
		Use:   "inventory",
		Short: "Show, check, receive or pull an inventory of qubes",
		Long: "Reads an inventory as dom0 prints it (qvm-ls --raw-data --fields ...), the older NAME|IP list,\n" +
			"or qubesbeat's JSON, exactly as the beat does.",
	})
	parent.PersistentFlags().StringSliceVar(&fields, "fields", nil, "columns of a list that has no #fields line, such as NAME,IP,LABEL")
	parent.AddCommand(
		quiet(&cobra.Command{
			Use: "show FILE", Short: "Print the qubes as a table", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error { return showInventory(c, args[0], fields) },
		}),
		quiet(&cobra.Command{
			Use: "check FILE", Short: "Check whether the beat would accept the inventory", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error { return checkInventory(c, args[0], fields) },
		}), receiveCommand(), pullCommand())
	return parent
}

// receiveCommand is the qrexec service for a qube whose template lacks the package:
// qrexec calls it instead of connecting to the socket of a running beat.
func receiveCommand() *cobra.Command {
	file := ""
	c := quiet(&cobra.Command{
		Use: "receive", Short: "Act as the qrexec service that dom0 pushes the inventory to", Args: cobra.NoArgs,
		Long: "Reads an inventory from standard input and, if it is valid, replaces the file with it. It is called by\n" +
			"qrexec as the service " + inventory.Service + "; calls from any qube other than dom0 are refused.",
		RunE: func(c *cobra.Command, _ []string) error { return printError(c, receiveInventory(c.InOrStdin(), file)) },
	})
	c.Flags().StringVar(&file, "file", "/rw/config/qubesbeat/inventory", "file to replace, the beat's inventory.file")
	return c
}

func receiveInventory(in io.Reader, file string) error {
	if err := qrexec.CheckCaller(os.Getenv("QREXEC_REMOTE_DOMAIN")); err != nil {
		return fmt.Errorf("%w (qrexec sets QREXEC_REMOTE_DOMAIN to the caller)", err)
	}
	return inventory.Store(file, in, inventory.Config{})
}

func showInventory(c *cobra.Command, path string, fields []string) error {
	s, err := readInventory(c, path, fields)
	if err != nil {
		return err
	}
	t := newTable(c.OutOrStdout())
	fmt.Fprintln(t, "NAME\tLABEL\tCLASS\tSTATE\tNETVM\tIP\tIP6\tVIF\tTEMPLATE\tEXIT")
	for i := range s.Qubes {
		q := &s.Qubes[i]
		fmt.Fprintln(t, strings.Join([]string{dash(q.Name), dash(q.Label), dash(q.Class), dash(q.State), dash(q.NetVM),
			addrCell(q.IP), addrCell(q.IP6), vifCell(q), dash(q.Template), dash(q.Exit)}, "\t"))
	}
	if err := t.Flush(); err != nil || len(s.Upstream) == 0 {
		return err
	}
	var chain []string
	for _, u := range s.Upstream {
		chain = append(chain, u.Name)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "upstream: %s\n", strings.Join(chain, " > "))
	return err
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
	fmt.Fprintf(c.OutOrStdout(), "%s: OK, %d qubes, %d running\n", path, len(s.Qubes), running)
	return nil
}

// readInventory parses the file at path, standard input if path is "-", and prints its
// problems one per line.
func readInventory(c *cobra.Command, path string, fields []string) (*inventory.Snapshot, error) {
	var in io.Reader = c.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, printError(c, err)
		}
		defer f.Close()
		in = f
	}
	s, err := inventory.Parse(in, inventory.Config{Fields: fields})
	if err == nil {
		return s, nil
	}
	problems := inventory.Problems(err)
	if len(problems) == 0 {
		return nil, printError(c, fmt.Errorf("%s: %w", path, err))
	}
	for _, p := range problems {
		fmt.Fprintf(c.ErrOrStderr(), "qubesbeat: %s: %s\n", path, safetext.Line(p.Error()))
	}
	return nil, errInventory
}

// errInventory is returned after all problems of an inventory have been printed.
var errInventory = errors.New("invalid inventory")
