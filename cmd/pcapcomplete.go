package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// completeQube names the qubes of which packets are stored, for the shell, where a command takes one qube.
func (s *pcapStore) completeQube(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return s.completeFlag(c, args, begun)
}

// completeFlag does so for a flag. What cannot be read has no names: the shell has no place for an error.
func (s *pcapStore) completeFlag(_ *cobra.Command, _ []string, begun string) (names []string, _ cobra.ShellCompDirective) {
	const answer = cobra.ShellCompDirectiveNoFileComp
	r, err := s.open()
	if err != nil {
		return nil, answer
	}
	defer r.Close()
	st, err := r.Status()
	if err != nil {
		return nil, answer
	}
	for i := range st.Qubes {
		if name := st.Qubes[i].Qube; strings.HasPrefix(name, begun) && name == safetext.Line(name) {
			names = append(names, name)
		}
	}
	return names, answer
}
