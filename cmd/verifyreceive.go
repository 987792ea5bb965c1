package cmd

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/qrexec"
)

// verifyReceive is the qrexec service for a qube whose template lacks the package: qrexec calls
// it instead of connecting to the socket of a running beat.
func verifyReceive(v *verifier) *cobra.Command {
	return usageExit(&cobra.Command{
		Use: "receive", Short: "Act as the qrexec service to which dom0 announces probes", Args: cobra.NoArgs,
		Long: "Reads one announcement from standard input and hands it to the running beat. It is called by qrexec as the\n" +
			"service " + probe.Service + "; calls from any qube other than dom0 are refused.",
		RunE: func(c *cobra.Command, _ []string) error { return printError(c, v.receive(c.Context(), c.InOrStdin())) },
	})
}

// receive hands an announcement of dom0 to the beat.
func (v *verifier) receive(ctx context.Context, in io.Reader) error {
	if err := qrexec.CheckCaller(os.Getenv("QREXEC_REMOTE_DOMAIN")); err != nil {
		return fmt.Errorf("%w (qrexec sets QREXEC_REMOTE_DOMAIN to the caller)", err)
	}
	data, err := io.ReadAll(io.LimitReader(in, probe.MaxSize+1))
	if err != nil {
		return fmt.Errorf("reading an announcement of canaries: %w", err)
	}
	a, err := probe.Parse(data)
	if err != nil {
		return err
	}
	var none struct{}
	return v.client().Post(ctx, "/verify/probe", url.Values{"announcement": {a.Text()}}, &none)
}
