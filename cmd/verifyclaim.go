package cmd

import (
	"fmt"
	"net/netip"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// verifyClaim notes what a qube was told about its address.
func verifyClaim(v *verifier) *cobra.Command {
	return usageExit(&cobra.Command{
		Use: "claim QUBE ADDRESS", Short: "Note under which address a qube is seen, for the table of `qubesbeat map`", Args: cobra.ExactArgs(2),
		Long: "`qubesbeat verify plan egress QUBE` prints how to ask in the qube. The answer is the qube's own word: the map shows\n" +
			"it as a claim with its age, and no verdict rests on it. It is kept in the beat's data, also over a restart.",
		RunE: func(c *cobra.Command, args []string) error { return printError(c, v.claim(c, args[0], args[1])) },
	})
}

func (v *verifier) claim(c *cobra.Command, name, text string) error {
	if err := qube.ValidName(name); err != nil {
		return withExit(exitUsage, err)
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !geoip.Public(a) {
		return usageError(c, "%.60q is no address under which others can see a qube", text)
	}
	var none struct{}
	if err := v.client().Post(c.Context(), "/verify/claim", url.Values{"qube": {name}, "address": {a.String()}}, &none); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "noted: %s says that it is seen as %v\n", line(name), a)
	return err
}
