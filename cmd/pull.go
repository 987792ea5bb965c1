package cmd

import (
	"bytes"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/adminapi"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// pullPause is the minimum time between two pulls, so that dom0 is not kept busy.
const pullPause = 2 * time.Second

// pullCommand asks dom0 for the inventory, for users who prefer a policy to a script in
// dom0.
func pullCommand() *cobra.Command {
	file, program, once := "", "", false
	c := quiet(&cobra.Command{
		Use: "pull", Short: "Ask dom0's Admin API for the inventory, and follow its events", Args: cobra.NoArgs,
		Long: "Needs a policy in dom0 (docs/inventory.md) that lets this qube, which reads hostile packets, query dom0.\n" +
			"Pushing the inventory with dom0's own script needs no such policy.",
		RunE: func(c *cobra.Command, _ []string) error {
			return printError(c, pull(c.Context(), adminapi.Client{Program: program}, file, once))
		},
	})
	c.Flags().StringVar(&file, "file", "/var/lib/qubesbeat/inventory.json", "file to replace, the beat's inventory.file")
	c.Flags().StringVar(&program, "qrexec-client-vm", "qrexec-client-vm", "program that calls dom0")
	c.Flags().BoolVar(&once, "once", false, "pull once and exit")
	return c
}

func pull(ctx context.Context, client adminapi.Client, file string, once bool) error {
	store := func(ctx context.Context) error {
		data, err := client.Inventory(ctx)
		if err != nil {
			return err
		}
		return inventory.Store(file, bytes.NewReader(data), inventory.Config{})
	}
	if once {
		return store(ctx)
	}
	return client.Follow(ctx, pullPause, store)
}
