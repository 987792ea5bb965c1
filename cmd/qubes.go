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
)

// nftTime is how long nft may take, which waits for other programs that change
// the ruleset.
const nftTime = 30 * time.Second

// qubesCommand brings the nft rules into a netvm of Qubes OS, and takes them away.
func qubesCommand(root string) *cobra.Command {
	parent := &cobra.Command{
		Use:   "qubes",
		Short: "Show, install or remove the firewall rules that the beat needs in a netvm of Qubes OS",
		Long: "The rules follow the configuration: the redirection of DNS where resolver.listen is set, the logging of\n" +
			"refusals where firewall.enabled is. They are chains of their own, which Qubes does not touch.",
	}
	var ifOpen bool
	undo := quiet(&cobra.Command{Use: "undo", Args: cobra.NoArgs, Short: "Remove all rules of qubesbeat, and nothing else",
		RunE: func(c *cobra.Command, _ []string) error { return complain(c, undoQubes(c, root, ifOpen)) }})
	undo.Flags().BoolVar(&ifOpen, "if-open", false, "only the redirection of DNS, and only where resolver.fail is open")
	parent.AddCommand(
		quiet(&cobra.Command{Use: "plan", Args: cobra.NoArgs, Short: "Show what apply would do, and change nothing",
			RunE: func(c *cobra.Command, _ []string) error { return complain(c, planQubes(c, root, false)) }}),
		quiet(&cobra.Command{Use: "apply", Args: cobra.NoArgs, Short: "Install the rules, and check that they are in force",
			RunE: func(c *cobra.Command, _ []string) error { return complain(c, planQubes(c, root, true)) }}),
		undo,
		quiet(&cobra.Command{Use: "status", Args: cobra.NoArgs, Short: "Say what is in force, what Qubes has rebuilt and what goes around it",
			RunE: func(c *cobra.Command, _ []string) error { return complain(c, statusQubes(c, root)) }}))
	return parent
}

// readWanted returns what the configuration asks for.
func readWanted(root string) (*config.Config, nftrules.Config, error) {
	c, err := beater.ReadConfig(root)
	if err != nil {
		return nil, nftrules.Config{}, err
	}
	return c, nftrules.Config{ResolverPort: c.Resolver.Port(), NFLogGroup: c.Firewall.Group()}, nil
}

func planQubes(c *cobra.Command, root string, apply bool) error {
	_, cfg, err := readWanted(root)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), nftTime)
	defer cancel()
	plan, err := makePlan(ctx, cfg)
	if err != nil {
		return err
	}
	show(c.OutOrStdout(), plan)
	if !apply || plan.Script() == "" {
		return nil
	}
	if err := plan.Apply(ctx); err != nil {
		return err
	}
	return verify(ctx, c.OutOrStdout(), cfg)
}

// makePlan compares the ruleset of this machine with what is wanted.
func makePlan(ctx context.Context, cfg nftrules.Config) (nftrules.Plan, error) {
	state, err := nftrules.Read(ctx)
	if err != nil {
		return nil, err
	}
	return nftrules.Make(state, cfg)
}

// verify looks at what nft has made of the commands.
func verify(ctx context.Context, w io.Writer, cfg nftrules.Config) error {
	left, err := makePlan(ctx, cfg)
	if err != nil {
		return err
	}
	if script := left.Script(); script != "" {
		return fmt.Errorf("the rules are not as they should be after apply; still to do:\n%s", script)
	}
	_, err = fmt.Fprintln(w, "in force")
	return err
}

// show prints a plan for people, with the commands as nft gets them.
func show(w io.Writer, plan nftrules.Plan) {
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
	ctx, cancel := context.WithTimeout(c.Context(), nftTime)
	defer cancel()
	plan, err := undoPlan(ctx, root, ifOpen)
	if err != nil {
		return err
	}
	show(c.OutOrStdout(), plan)
	return plan.Apply(ctx)
}

// undoPlan says what undo does. When the beat has stopped and DNS is to go on without
// it, nothing about the ruleset may stand in the way.
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
