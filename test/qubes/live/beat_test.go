//go:build linux

package live_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

const config = `
qubesbeat:
  interfaces:
    device: ["vif*"]
  flows:
    timeout: 30s
    period: -1s
  inventory:
    file: HOME/inventory
output.file:
  path: HOME/out
  filename: events
logging.level: info
`

// startBeat starts the beat with the inventory of nw and returns when it
// captures on the vifs of clients.
func startBeat(t *testing.T, nw *testbed.Network, clients ...*testbed.Qube) *beat.Beat {
	t.Helper()
	return startBeatWith(t, nw, nil, clients...)
}

// startBeatWith is startBeat with further arguments for the beat, in which HOME stands
// for its folder.
func startBeatWith(t *testing.T, nw *testbed.Network, args []string, clients ...*testbed.Qube) *beat.Beat {
	t.Helper()
	home := beat.NewHome(t)
	nw.WriteInventory(filepath.Join(home, "inventory"))
	file := beat.Write(t, home, "qubesbeat.yml", config)
	flags := beat.Flags(home, file, "-e")
	for _, arg := range args {
		flags = append(flags, strings.ReplaceAll(arg, "HOME", home))
	}
	b := beat.Command{Program: beat.Program(t), Home: home, Args: flags, Start: nw.Log.Start}.LaunchReady(t)
	for _, q := range clients {
		b.AwaitLog(t, "following interface", "interface", q.Vif)
	}
	return b
}

// inventory returns the path of a beat's inventory.
func inventory(b *beat.Beat) string { return filepath.Join(b.Home, "inventory") }
