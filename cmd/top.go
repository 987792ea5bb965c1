package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/topview"
	"github.com/qubesbeat/qubesbeat/internal/topview/terminal"
)

// topCommand shows who is talking now.
func topCommand() *cobra.Command {
	t := &topScreen{}
	c := quiet(&cobra.Command{
		Use: "top", Short: "Show what each qube does now, live", Args: cobra.NoArgs,
		Long: "Shows for each qube what it sends and receives, its flows, queries, refused packets and findings, and its top\n" +
			"destination, once a second, until q is pressed. ? lists the keys. It reads the counters of the running beat\n" +
			"over a socket and changes nothing. It works on a serial console, too: the output is ASCII, and with TERM=vt100\n" +
			"no more than a VT100 can do. NO_COLOR=1 leaves colours out.",
		RunE: func(c *cobra.Command, _ []string) error { return printError(c, t.run(c)) },
	})
	c.Flags().StringVar(&t.socket, "socket", "", "socket of the beat: top.socket, or path.data/top.sock")
	c.Flags().BoolVar(&t.once, "once", false, "print the table once, with the rates of one second, and end")
	c.Flags().BoolVar(&t.json, "json", false, "with --once: print the counters as JSON")
	return c
}

// topScreen are the flags of `top`.
type topScreen struct {
	socket     string
	once, json bool
}

func (t *topScreen) run(c *cobra.Command) error {
	if t.socket == "" {
		t.socket = socketNamed("top.sock")
	}
	client := control.NewClient(t.socket)
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	fetch := func(ctx context.Context, open string) (*topview.Snapshot, error) {
		var s topview.Snapshot
		err := client.Get(ctx, "/top", url.Values{"open": {open}}, &s)
		return &s, err
	}
	switch {
	case t.once:
		return t.print(ctx, c.OutOrStdout(), fetch)
	case t.json:
		return errors.New("--json goes with --once")
	case !term.IsTerminal(int(os.Stdout.Fd())):
		return errors.New("standard output is no terminal; use --once")
	}
	if _, err := fetch(ctx, ""); err != nil {
		return err // before the terminal is cleared
	}
	screen, err := terminal.Open()
	if err != nil {
		return err
	}
	return terminal.Run(ctx, terminal.Config{Screen: screen, Fetch: fetch, Colour: wantsColour()})
}

// print prints the rates of one second.
func (t *topScreen) print(ctx context.Context, w io.Writer, fetch func(context.Context, string) (*topview.Snapshot, error)) error {
	before, err := fetch(ctx, "")
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(terminal.Every):
	}
	now, err := fetch(ctx, "")
	if err != nil {
		return err
	}
	topview.Rates(before, now)
	topview.ByRate.Sort(now.Qubes, false)
	if t.json {
		return json.NewEncoder(w).Encode(now)
	}
	// The table is printable ASCII already, and has the colours of the labels.
	for _, line := range topview.Table(now) {
		if _, err := fmt.Fprintln(os.Stdout, paint(line, wantsColour())); err != nil {
			return fmt.Errorf("writing the table: %w", err)
		}
	}
	return nil
}

// paint returns the text of a line, with the colours of labels if colour is set.
func paint(line topview.Line, colour bool) string {
	if !colour {
		return line.String()
	}
	text := ""
	for _, span := range line {
		if span.Style == topview.Label {
			span.Text = report.Colour(span.Label, span.Text)
		}
		text += span.Text
	}
	return text
}
