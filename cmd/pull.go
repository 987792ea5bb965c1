package cmd

import (
	"bytes"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/adminapi"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// pullPause is the time between two pulls at least: dom0 has other things to do.
const pullPause = 2 * time.Second

// pullCommand asks dom0 for the inventory, for those who prefer a policy to a
// script in dom0.
func pullCommand() *cobra.Command {
	file, program, once := "", "", false
	c := quiet(&cobra.Command{
		Use: "pull", Short: "Ask dom0's Admin API for the inventory, and follow its events", Args: cobra.NoArgs,
		Long: "Needs a policy in dom0 (docs/inventory.md), and gives this qube, which reads hostile packets, a way to ask\n" +
			"dom0 questions. The push by dom0's own script needs neither.",
		RunE: func(c *cobra.Command, _ []string) error {
			return complain(c, pull(c.Context(), adminapi.Client{Program: program}, file, once))
		},
	})
	c.Flags().StringVar(&file, "file", "/var/lib/qubesbeat/inventory.json", "file to replace: inventory.file of the beat")
	c.Flags().StringVar(&program, "qrexec-client-vm", "qrexec-client-vm", "program that calls dom0")
	c.Flags().BoolVar(&once, "once", false, "pull once and end")
	return c
}

func pull(ctx context.Context, client adminapi.Client, file string, once bool) error {
	take := func(ctx context.Context) error {
		data, err := client.Inventory(ctx)
		if err != nil {
			return err
		}
		return inventory.Store(file, bytes.NewReader(data), inventory.Options{})
	}
	if once {
		return take(ctx)
	}
	return client.Follow(ctx, pullPause, take)
}
