package chains

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strings"
)

// NFT runs the program nft. It needs CAP_NET_ADMIN.
type NFT struct {
	Path string // of the program; "" for nft on the PATH
}

// State reads the ruleset, without the elements of sets: a list of blocked addresses
// may have more of them than this machine has memory for.
func (n NFT) State(ctx context.Context) (*State, error) {
	out, err := n.run(ctx, "", "-j", "-t", "list", "ruleset")
	if err != nil {
		return nil, err
	}
	return ParseState(out)
}

// StateWithClients also reads the sets of Qubes' antispoofing, for [State.Clients].
func (n NFT) StateWithClients(ctx context.Context) (*State, error) {
	s, err := n.State(ctx)
	if err != nil {
		return nil, err
	}
	for _, family := range []string{"ip", "ip6"} {
		out, err := n.run(ctx, "", "-j", "list", "set", family, "qubes", "allowed")
		if err != nil {
			continue // it may not be there
		}
		some, err := ParseState(out)
		if err != nil {
			return nil, err
		}
		maps.Copy(s.sets, some.sets)
	}
	return s, nil
}

// Apply carries out a plan, whole or not at all.
func (n NFT) Apply(ctx context.Context, p Plan) error {
	script := p.Script()
	if script == "" {
		return nil
	}
	_, err := n.run(ctx, script, "-f", "-")
	return err
}

func (n NFT) run(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	path := n.Path
	if path == "" {
		path = "nft"
	}
	var out, diag bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &diag
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("nft is not installed: every netvm of Qubes OS has it (package nftables)")
	}
	if err != nil {
		hint := ""
		if strings.Contains(diag.String(), "Operation not permitted") {
			hint = " (run it as root)"
		}
		return nil, fmt.Errorf("nft %s: %w: %s%s", strings.Join(args, " "), err, strings.TrimSpace(diag.String()), hint)
	}
	return out.Bytes(), nil
}
