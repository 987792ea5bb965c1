package beat

import (
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// Start starts the installed beat in nw's sys-log, in home. config is the inside of the
// qubesbeat section, indented by two; the word HOME in it stands for home. The beat
// writes to files in HOME/out. env is added to its environment. Start returns when the
// beat has told its service manager that it is ready.
func Start(tb testing.TB, nw *testbed.Network, home, config string, env ...string) *Beat {
	tb.Helper()
	text := "qubesbeat:\n" + config + "\noutput.file: {path: HOME/out, filename: events}\n"
	file := Write(tb, home, "qubesbeat.yml", text)
	return Command{Program: Program(tb), Home: home, Args: Flags(home, file, "-e"), Env: env, Start: nw.Log.Start}.LaunchReady(tb)
}

// Args returns the command line of another process of the beat that [Start] has started,
// with its configuration.
func (b *Beat) Args(more ...string) []string {
	return Flags(b.Home, filepath.Join(b.Home, "qubesbeat.yml"), more...)
}
