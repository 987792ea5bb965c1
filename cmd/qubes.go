package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/nftrules"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// nftTimeout bounds a run of nft, which waits for other programs that change the
// ruleset.
const nftTimeout = 30 * time.Second

// qubesCommand installs and removes the nft rules in a netvm of Qubes OS.
func qubesCommand(root string) *cobra.Command {
	parent := group(&cobra.Command{
		Use:   "qubes",
		Short: "Show, install or remove the firewall rules that the beat needs in a netvm of Qubes OS",
		Long: "The rules follow the configuration: DNS is redirected if resolver.listen is set, refused connections are\n" +
			"logged if firewall.enabled is true, and canaries end here if verify.probes.enabled is. They are in chains of\n" +
			"their own, which Qubes does not touch.",
	})
	var ifOpen bool
	undo := quiet(&cobra.Command{Use: "undo", Args: cobra.NoArgs, Short: "Remove all rules of qubesbeat, and nothing else",
		RunE: func(c *cobra.Command, _ []string) error { return printError(c, undoQubes(c, root, ifOpen)) }})
	undo.Flags().BoolVar(&ifOpen, "if-open", false, "remove only the redirection of DNS, and only if resolver.fail is open")
	parent.AddCommand(
		quiet(&cobra.Command{Use: "plan", Args: cobra.NoArgs, Short: "Show what apply would do, without changing anything",
			RunE: func(c *cobra.Command, _ []string) error { return printError(c, planQubes(c, root, false)) }}),
		quiet(&cobra.Command{Use: "apply", Args: cobra.NoArgs, Short: "Install the rules, and say which rules of others defeat them",
			RunE: func(c *cobra.Command, _ []string) error { return printError(c, planQubes(c, root, true)) }}),
		undo,
		quiet(&cobra.Command{Use: "status", Args: cobra.NoArgs, Short: "Check the rules, the firewall of Qubes, and the names of the clients",
			RunE: func(c *cobra.Command, _ []string) error { return printError(c, statusQubes(c, root)) }}))
	return parent
}

// readWanted returns the configuration and the rules that it selects.
func readWanted(root string) (*config.Config, nftrules.Config, error) {
	c, err := beater.ReadConfig(root)
	if err != nil {
		return nil, nftrules.Config{}, err
	}
	return c, nftrules.Config{ResolverPort: c.Resolver.Port(), NFLogGroup: c.Firewall.Group(), Sink: c.Verify.Enabled && c.Verify.Probes.Enabled}, nil
}

func planQubes(c *cobra.Command, root string, apply bool) error {
	_, cfg, err := readWanted(root)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), nftTimeout)
	defer cancel()
	plan, err := makePlan(ctx, cfg)
	if err != nil {
		return err
	}
	printPlan(c.OutOrStdout(), plan)
	if !apply {
		return nil
	}
	if plan.Script() != "" {
		if err := plan.Apply(ctx); err != nil {
			return err
		}
		if err := verify(ctx, c.OutOrStdout(), cfg); err != nil {
			return err
		}
	}
	warn(ctx, c.ErrOrStderr(), cfg)
	return nil
}

// warn says which rules of others keep the clients' DNS from the resolver. They are
// the user's, so they stay, and they are no error: the unit runs apply before the beat,
// which is to start and to log all the same.
func warn(ctx context.Context, w io.Writer, cfg nftrules.Config) {
	if cfg.ResolverPort == 0 {
		return
	}
	state, err := nftrules.ReadWithClients(ctx)
	if err != nil {
		fmt.Fprintf(w, "qubesbeat: warning: whether the clients' DNS arrives is not known: %v\n", err)
		return
	}
	found, _ := nftrules.Obstacles(state, cfg, localAddr)
	for _, f := range found {
		fmt.Fprintf(w, "qubesbeat: warning: %s\n", safetext.Line(f.Text))
	}
	if len(found) > 0 {
		fmt.Fprintln(w, "qubesbeat: apply does not change rules that are not its own; remove them, or let them spare the clients' DNS")
	}
}

// makePlan compares the ruleset of this machine with the rules that cfg selects.
func makePlan(ctx context.Context, cfg nftrules.Config) (nftrules.Plan, error) {
	state, err := nftrules.Read(ctx)
	if err != nil {
		return nil, err
	}
	return nftrules.Make(state, cfg)
}

// verify returns an error if the rules are not installed after all.
func verify(ctx context.Context, w io.Writer, cfg nftrules.Config) error {
	left, err := makePlan(ctx, cfg)
	if err != nil {
		return err
	}
	if script := left.Script(); script != "" {
		return fmt.Errorf("the rules still differ after apply; left to do:\n%s", script)
	}
	_, err = fmt.Fprintln(w, "installed")
	return err
}

// printPlan prints the steps, each with the commands that nft runs.
func printPlan(w io.Writer, plan nftrules.Plan) {
	if plan.Script() == "" {
		fmt.Fprintln(w, "nothing to do")
	}
	for _, step := range plan {
		fmt.Fprintf(w, "%-8s%s", step.Action, step.Name)
		if step.About != "" {
			fmt.Fprintf(w, ": %s", step.About)
		}
		fmt.Fprintln(w)
		for _, command := range step.Commands {
			fmt.Fprintf(w, "        %s\n", command)
		}
	}
}

func undoQubes(c *cobra.Command, root string, ifOpen bool) error {
	ctx, cancel := context.WithTimeout(c.Context(), nftTimeout)
	defer cancel()
	plan, err := undoPlan(ctx, root, ifOpen)
	if err != nil {
		return err
	}
	printPlan(c.OutOrStdout(), plan)
	return plan.Apply(ctx)
}

// undoPlan returns the plan of undo. With ifOpen it does not depend on the ruleset: when
// the beat has stopped and DNS is to go on without it, no oddity there may prevent that.
func undoPlan(ctx context.Context, root string, ifOpen bool) (nftrules.Plan, error) {
	if ifOpen {
		conf, _, err := readWanted(root)
		if err != nil || conf.Resolver.Fail != config.FailOpen {
			return nil, err
		}
		return nftrules.RemoveRedirection(), nil
	}
	state, err := nftrules.Read(ctx)
	if err != nil {
		return nil, err
	}
	return nftrules.Undo(state), nil
}
