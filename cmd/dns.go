package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/dnscache"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnspolicy"
	"github.com/qubesbeat/qubesbeat/internal/lists"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// socketNamed is where a packaged beat has a socket; one that was started by hand has it
// below its own data directory.
func socketNamed(name string) string {
	packaged, byHand := "/var/lib/qubesbeat/"+name, "data/"+name
	if _, err := os.Stat(packaged); err != nil {
		if _, err := os.Stat(byHand); err == nil {
			return byHand
		}
	}
	return packaged
}

// dnsCommand returns the command that talks to the resolver of a running beat.
func dnsCommand() *cobra.Command {
	socket, asJSON := "", false
	parent := &cobra.Command{
		Use:   "dns",
		Short: "Query and control the resolver of the running beat",
	}
	parent.PersistentFlags().StringVar(&socket, "socket", "", "socket of the beat: resolver.socket, or path.data/dns.sock")
	parent.PersistentFlags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	// run returns a command that calls the socket and prints the answer.
	run := func(method, what string, values func() url.Values, show func(io.Writer, json.RawMessage) error) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, args []string) error {
			v := url.Values{}
			if values != nil {
				v = values()
			}
			if len(args) > 0 {
				v.Set("name", args[0])
			}
			if socket == "" {
				socket = socketNamed("dns.sock")
			}
			client := control.NewClient(socket)
			call := client.Get
			if method == "POST" {
				call = client.Post
			}
			var raw json.RawMessage
			if err := call(c.Context(), what, v, &raw); err != nil {
				return printError(c, err)
			}
			if asJSON {
				_, err := fmt.Fprintln(c.OutOrStdout(), string(raw))
				return err
			}
			return show(c.OutOrStdout(), raw)
		}
	}
	reload := quiet(&cobra.Command{Use: "reload", Args: cobra.NoArgs, Short: "Reload the resolver's part of the configuration",
		Long: "Replaces lists, policies, upstreams, zones and records without interrupting service. Listening\n" +
			"addresses, limits, cache and log keep the settings of the start. An invalid configuration changes nothing.",
		RunE: run("POST", "/reload", nil, showLists)})
	parent.AddCommand(dnsQuery(run), dnsLists(run), dnsCache(run), dnsBlocking(run), reload)
	return parent
}

type caller func(method, what string, values func() url.Values, show func(io.Writer, json.RawMessage) error) func(*cobra.Command, []string) error

func dnsQuery(run caller) *cobra.Command {
	qube, kind := "", ""
	c := quiet(&cobra.Command{
		Use: "query NAME", Short: "Look a name up as a qube would, and explain every step", Args: cobra.ExactArgs(1),
		RunE: run("GET", "/query", func() url.Values { return url.Values{"qube": {qube}, "type": {kind}} }, showExplanation),
	})
	c.Flags().StringVar(&qube, "as", "", "qube, or address, whose policy applies")
	c.Flags().StringVar(&kind, "type", "A", "type of the records")
	return c
}

func showExplanation(w io.Writer, raw json.RawMessage) error {
	var x dnsevent.Explanation
	if err := json.Unmarshal(raw, &x); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %s: %s, %s\n", safetext.Line(x.Name), safetext.Line(x.Type), x.RCode, safetext.Line(x.Reason))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range x.Steps {
		fmt.Fprintf(t, "  %s\t%s\n", s.Step, safetext.Line(s.Says))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, a := range x.Answers {
		fmt.Fprintln(w, safetext.Line(a))
	}
	return nil
}

func dnsLists(run caller) *cobra.Command {
	force := false
	c := quiet(&cobra.Command{Use: "lists", Short: "Show the lists and the status of their sources", Args: cobra.NoArgs,
		RunE: run("GET", "/lists", nil, showLists)})
	refresh := quiet(&cobra.Command{Use: "refresh", Short: "Fetch the lists now", Args: cobra.NoArgs,
		RunE: run("POST", "/lists/refresh", func() url.Values { return url.Values{"force": {fmt.Sprint(force)}} }, showLists)})
	refresh.Flags().BoolVar(&force, "force", false, "accept lists that have lost more than half of their rules")
	c.AddCommand(refresh)
	return c
}

func showLists(w io.Writer, raw json.RawMessage) error {
	var list []lists.Status
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "LIST\tKIND\tRULES\tINVALID\tSKIPPED\tFETCHED\tSOURCE")
	for _, s := range list {
		kind, since := "deny", "-"
		if s.Allow {
			kind = "allow"
		}
		if s.Loaded {
			since = s.Since.Local().Format(time.DateTime)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", s.List, kind, s.Rules, s.Wrong, s.Skipped, since, safetext.Line(s.Name()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range list {
		if s.Err != "" {
			fmt.Fprintf(w, "%s: %s\n", safetext.Line(s.Name()), safetext.Line(s.Err))
		}
		for _, f := range s.Faults {
			fmt.Fprintf(w, "%s:%d: %s: %q\n", safetext.Line(s.Name()), f.Line, safetext.Line(f.Reason), f.Text)
		}
		for _, f := range s.Skips {
			fmt.Fprintf(w, "%s:%d: skipped: %s: %q\n", safetext.Line(s.Name()), f.Line, f.Reason, f.Text)
		}
	}
	return nil
}

func dnsCache(run caller) *cobra.Command {
	c := &cobra.Command{Use: "cache", Short: "Show or flush the cache"}
	c.AddCommand(
		quiet(&cobra.Command{Use: "stats", Short: "Show the size and the hit rate of the cache", Args: cobra.NoArgs,
			RunE: run("GET", "/stats", nil, showCache)}),
		quiet(&cobra.Command{Use: "flush", Short: "Remove all answers from the cache", Args: cobra.NoArgs,
			RunE: run("POST", "/cache/flush", nil, showCache)}))
	return c
}

func showCache(w io.Writer, raw json.RawMessage) error {
	var s struct{ Cache dnscache.Stats }
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	c := s.Cache
	asked := max(1, c.Hits+c.Stale+c.Misses)
	_, err := fmt.Fprintf(w, "%d answers in %.1f of %.1f MB; %d hits and %d misses (%.1f %%), %d stale; %d evicted\n",
		c.Entries, float64(c.Bytes)/1e6, float64(c.Size)/1e6, c.Hits, c.Misses, 100*float64(c.Hits)/float64(asked), c.Stale, c.Evicted)
	return err
}

func dnsBlocking(run caller) *cobra.Command {
	span, qube, names := "", "", ""
	c := &cobra.Command{Use: "blocking", Short: "Turn blocking off and on"}
	off := quiet(&cobra.Command{Use: "off", Short: "Turn blocking off, for a time or until it is turned on again", Args: cobra.NoArgs,
		RunE: run("POST", "/blocking/off", func() url.Values { return url.Values{"for": {span}, "qube": {qube}, "lists": {names}} }, showPauses)})
	off.Flags().StringVar(&span, "for", "", "how long, such as 5m")
	off.Flags().StringVar(&qube, "qube", "", "only for this qube")
	off.Flags().StringVar(&names, "lists", "", "only for these lists, separated by commas")
	c.AddCommand(off,
		quiet(&cobra.Command{Use: "on", Short: "Turn blocking on again, everywhere", Args: cobra.NoArgs, RunE: run("POST", "/blocking/on", nil, showPauses)}),
		quiet(&cobra.Command{Use: "status", Short: "Show where blocking is off", Args: cobra.NoArgs, RunE: run("GET", "/blocking", nil, showPauses)}))
	return c
}

func showPauses(w io.Writer, raw json.RawMessage) error {
	var list []dnspolicy.Pause
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "blocking is on")
		return err
	}
	for _, p := range list {
		who, what, until := "all qubes", "all lists", "until it is turned on"
		if p.Qube != "" {
			who = p.Qube
		}
		if len(p.Lists) > 0 {
			what = strings.Join(p.Lists, ", ")
		}
		if p.Until.Year() < 9000 {
			until = "until " + p.Until.Local().Format(time.DateTime)
		}
		if _, err := fmt.Fprintf(w, "off for %s, %s, %s\n", safetext.Line(who), safetext.Line(what), until); err != nil {
			return err
		}
	}
	return nil
}
