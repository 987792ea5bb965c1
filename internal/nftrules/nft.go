package nftrules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strings"
)

// Read returns the ruleset of the machine, as the program nft prints it, which needs
// CAP_NET_ADMIN. The elements of sets are left out: a list of blocked addresses may
// have more of them than the machine has memory for.
func Read(ctx context.Context) (*State, error) {
	out, err := list(ctx)
	if err != nil {
		return nil, err
	}
	return parseState(out)
}

// list returns the ruleset as JSON, without elements.
func list(ctx context.Context) ([]byte, error) { return nft(ctx, "", "-j", "-t", "list", "ruleset") }

// ReadWithClients also reads the sets of Qubes' antispoofing, for [State.Clients], and
// what it takes to follow the clients' packets.
func ReadWithClients(ctx context.Context) (*State, error) {
	out, err := list(ctx)
	if err != nil {
		return nil, err
	}
	s, err := ParseState(out)
	if err != nil {
		return nil, err
	}
	for _, family := range []string{"ip", "ip6"} {
		out, err := nft(ctx, "", "-j", "list", "set", family, "qubes", "allowed")
		if err != nil {
			continue // the set need not exist
		}
		some, err := parseState(out)
		if err != nil {
			return nil, err
		}
		maps.Copy(s.sets, some.sets)
	}
	return s, s.readPath(ctx)
}

// Apply carries out the plan, completely or not at all.
func (p Plan) Apply(ctx context.Context) error {
	script := p.Script()
	if script == "" {
		return nil
	}
	_, err := nft(ctx, script, "-f", "-")
	return err
}

// nft runs the program and returns its output.
func nft(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	var out, diag bytes.Buffer
	cmd := exec.CommandContext(ctx, "nft", args...)
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
