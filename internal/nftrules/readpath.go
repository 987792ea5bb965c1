package nftrules

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/nftpath"
)

// readPath reads what the list of the ruleset left out: the elements of maps, and the
// devices of chains. Sets are not read, since a list of blocked addresses may be large:
// the kernel is asked for single elements.
func (s *State) readPath(ctx context.Context) error {
	for _, m := range s.path.Maps() {
		out, err := nft(ctx, "", "-j", "list", "map", m.Family, m.Table, m.Name)
		if err != nil {
			return err
		}
		if err := s.addElements(m, out); err != nil {
			return err
		}
	}
	for _, t := range s.path.Flagged() {
		if text, err := nft(ctx, "", "-t", "list", "table", t.Family, t.Table); err == nil && dormantFlag.Match(text) {
			s.path.SetDormant(t.Family, t.Table)
		}
	}
	for _, c := range s.path.Devices() {
		if text, err := nft(ctx, "", "list", "chain", c.Family, c.Table, c.Chain); err == nil {
			s.path.SetDevices(c.Family, c.Table, c.Chain, devices(string(text)))
		}
	}
	known := map[string]bool{}
	s.path.Contains = func(set nftpath.Set, element string) (found, ok bool) {
		key := fmt.Sprint(set, element)
		if found, ok = known[key]; !ok {
			if found, ok = contains(ctx, set, element); ok {
				known[key] = found
			}
		}
		return found, ok
	}
	s.ruleText = func(p nftpath.Place) string { return ruleText(ctx, p) }
	return nil
}

// addElements gives a map the elements that nft has listed.
func (s *State) addElements(m nftpath.Set, listed []byte) error {
	var doc struct {
		Nftables []struct{ Map *struct{ Elem []any } }
	}
	if err := json.Unmarshal(listed, &doc); err != nil {
		return fmt.Errorf("parsing a map in the output of nft: %w", err)
	}
	for _, o := range doc.Nftables {
		if o.Map != nil {
			s.path.SetElements(m, append([]any{}, o.Map.Elem...))
		}
	}
	return nil
}

// dormantFlag is how nft prints that the hooks of a table are off.
var dormantFlag = regexp.MustCompile(`^table [^\n]*\n\tflags [a-z, ]*\bdormant\b`)

// deviceList is how nft prints the devices of a chain.
var deviceList = regexp.MustCompile(`hook (?:ingress|egress) devices? (?:= )?(\{[^}]*\}|\S+)`)

// devices returns the devices of a chain, nil if the text has none.
func devices(text string) (names []string) {
	m := deviceList.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	for _, name := range strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune("{}, ", r) }) {
		names = append(names, strings.Trim(name, `"`))
	}
	return names
}

// contains asks the kernel for one element of a set. ok is false if it has not answered
// with the element, nor that there is none.
func contains(ctx context.Context, set nftpath.Set, element string) (found, ok bool) {
	_, err := nft(ctx, "", "get", "element", set.Family, set.Table, set.Name, "{ "+element+" }")
	if err == nil {
		return true, true
	}
	return false, strings.Contains(err.Error(), "Could not process rule: No such file or directory")
}

// maxText is how much of a rule is shown.
const maxText = 200

// ruleText returns a rule as nft prints it, "" if it is gone.
func ruleText(ctx context.Context, p nftpath.Place) string {
	out, err := nft(ctx, "", "-a", "list", "chain", p.Family, p.Table, p.Chain)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		if rule, isIt := strings.CutSuffix(strings.TrimSpace(line), fmt.Sprintf(" # handle %d", p.Handle)); isIt {
			return strings.ToValidUTF8(rule[:min(len(rule), maxText)], "")
		}
	}
	return ""
}
