package cmd

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// Of the probes: how far canaries go, and how long each step may take.
const (
	canaryHops = 2 // a client of a qube that is attached here
	stepFor    = 5 * time.Minute
)

// verifyPlan prints what a probe would send, and announces one.
func verifyPlan(v *verifier) *cobra.Command {
	parent := usageStatus(group(&cobra.Command{
		Use: "plan", Short: "Print what a probe would send, and the commands for it; nothing is sent",
		Long: "Canaries are five echo requests of certain sizes to an address of documentation, with a TTL that ends in this qube.\n" +
			"This machine sends none of them: you do, in the client, by the commands that are printed.",
	}))
	kill := usageExit(&cobra.Command{
		Use: "killswitch VPN-QUBE CLIENT", Short: "Test the kill switch of a qube with the canaries of a client", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return printError(c, v.planKillSwitch(c, args[0], args[1]))
		},
	})
	egress := usageExit(&cobra.Command{
		Use: "egress QUBE", Short: "Find out under which address a qube is seen", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return printError(c, planEgress(c.OutOrStdout(), args[0]))
		},
	})
	announce := usageExit(&cobra.Command{
		Use: "announce up|down VPN-QUBE CLIENT NONCE, or announce sent NONCE", Args: cobra.RangeArgs(2, 4),
		Short: "Have the beat look for the canaries of a step, for five minutes; or say that they were sent",
		RunE:  func(c *cobra.Command, args []string) error { return printError(c, v.announce(c, args)) },
	})
	parent.AddCommand(kill, egress, announce)
	return parent
}

// planKillSwitch prints the steps of the probe.
func (v *verifier) planKillSwitch(c *cobra.Command, via, client string) error {
	for _, name := range []string{via, client} {
		if err := qube.ValidName(name); err != nil {
			return withExit(exitUsage, err)
		}
	}
	if via == client {
		return withExit(exitUsage, fmt.Errorf("%s is both the VPN qube and its client; the canaries are those of a qube behind it", line(via)))
	}
	return writeKillSwitch(c.OutOrStdout(), via, client, probe.NewNonce())
}

// writeKillSwitch writes the steps.
func writeKillSwitch(w io.Writer, via, client string, nonce [8]byte) error {
	code := hex.EncodeToString(nonce[:])
	fmt.Fprintf(w, "What is sent: 5 echo requests per step from %s to %s, and 1 to %s, TTL %d: they end in this qube,\n", client, probe.Echo4(), probe.Echo6(), canaryHops)
	fmt.Fprintf(w, "and no packet to these addresses is routed anywhere. In the tunnel they reach the VPN server, which drops them.\n\n")
	fmt.Fprintf(w, "1. Control, with the tunnel up. Here:\n     qubesbeat verify plan announce up %s %s %s\n   In dom0:\n", via, client, code)
	writeCanaries(w, client, nonce)
	fmt.Fprintf(w, "   `qubesbeat verify --qube %s` must show VPN-9 as PASS; if not, stop: the rest would show nothing.\n\n", via)
	fmt.Fprintf(w, "2. End the tunnel in %s (wg-quick down, systemctl stop openvpn, or nmcli connection down), so that it is not only\n   silent but gone. Here:\n", via)
	fmt.Fprintf(w, "     qubesbeat verify plan announce down %s %s %s\n   In dom0, the same command again. Once it has ended, here:\n     qubesbeat verify plan announce sent %s\n\n", via, client, code, code)
	_, err := fmt.Fprintf(w, "3. After five minutes `qubesbeat verify --qube %s` shows VPN-2: PASS if none came out and the tunnel was down all the time.\n   Start the tunnel again.\n", via)
	return err
}

// writeCanaries writes the command for dom0. Its output is discarded: nothing is read from a
// qube.
func writeCanaries(w io.Writer, client string, nonce [8]byte) {
	fmt.Fprintf(w, "     qvm-run --no-gui --no-autostart %s -- '%s' >/dev/null 2>&1\n", client, judge.CanaryCommand(nonce, canaryHops))
}

// planEgress prints what the user may ask in a qube.
func planEgress(w io.Writer, name string) error {
	if err := qube.ValidName(name); err != nil {
		return withExit(exitUsage, err)
	}
	_, err := fmt.Fprintf(w, `Each of these leaves your machine and tells a third party that you have asked. Run in %s what you want to, and
compare the answers; the answer is the qube's own word, and no verdict rests on it.

  address, HTTP      curl -4 https://ifconfig.me            (ifconfig.me)
  address, IPv6      curl -6 https://ifconfig.me            (ifconfig.me)
  address, DNS       dig +short @resolver1.opendns.com myip.opendns.com   (OpenDNS, asked directly)
  resolver           dig +short whoami.akamai.net           (Akamai, by way of your resolver)
  Tor exit           curl https://check.torproject.org/api/ip   (the Tor Project)

Then, here, for the table of the addresses: qubesbeat verify claim %s ADDRESS; qubesbeat map --table
`, name, name)
	return err
}

// announce has the beat look for canaries, or says that they were sent.
func (v *verifier) announce(c *cobra.Command, args []string) error {
	a, err := announcement(c, args)
	if err != nil {
		return err
	}
	var none struct{}
	if err := v.client().Post(c.Context(), "/verify/probe", url.Values{"announcement": {a.Text()}}, &none); err != nil {
		return err
	}
	text := "noted: they were sent"
	if a.Kind != probe.Sent {
		text = fmt.Sprintf("looking for the canaries of %s until %s", line(a.Client), time.Now().Add(a.For).Format(time.TimeOnly))
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), text)
	return err
}

// announcement returns what the arguments of announce say.
func announcement(c *cobra.Command, args []string) (*probe.Announcement, error) {
	kinds := map[string]probe.Kind{"up": probe.Tunnel, "down": probe.Down, "sent": probe.Sent}
	a := &probe.Announcement{Kind: kinds[args[0]]}
	switch {
	case a.Kind == "":
		return nil, usageError(c, "%q is neither up, down nor sent", args[0])
	case a.Kind == probe.Sent && len(args) != 2, a.Kind != probe.Sent && len(args) != 4:
		return nil, usageError(c, "announce up|down takes the VPN qube, the client and the nonce, and announce sent only the nonce")
	case a.Kind != probe.Sent:
		a.Via, a.Client, a.Sizes, a.TTL, a.For = args[1], args[2], probe.Sizes(), canaryHops, stepFor
	}
	nonce, err := probe.ParseNonce(args[len(args)-1])
	if err != nil {
		return nil, usageError(c, "%v", err)
	}
	a.Nonce = nonce
	return a, nil
}
