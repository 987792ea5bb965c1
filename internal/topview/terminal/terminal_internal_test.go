package terminal

import (
	"testing"

	"github.com/gdamore/tcell/v2"

	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// TestDescribe takes an unknown terminal for a VT100, without the pauses of the device.
func TestDescribe(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"vt100": "vt100", "no-such-terminal": "vt100", "xterm": "xterm"} {
		info, err := describe(name)
		if err != nil || info.Name != want || info.PadChar != "" || info.KeyPgDn != "\x1b[6~" {
			t.Errorf("describe(%q) = %+v, %v; want %s", name, info, err, want)
		}
	}
	shared, err := tcell.LookupTerminfo("vt100")
	if err != nil || shared.PadChar == "" || shared.KeyPgDn != "" {
		t.Errorf("the library's own description was changed: %+v, %v", shared, err)
	}
}

// TestKeyOf has a key for each that docs/top.md lists.
func TestKeyOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key  tcell.Key
		r    rune
		want topview.Key
	}{
		{tcell.KeyPgUp, 0, topview.PageUp}, {tcell.KeyCtrlF, 0, topview.PageDown}, {tcell.KeyHome, 0, topview.Home}, {tcell.KeyEnd, 0, topview.End},
		{tcell.KeyRune, 'k', topview.Up}, {tcell.KeyRune, 'j', topview.Down}, {tcell.KeyRune, 'g', topview.Home}, {tcell.KeyRune, 'G', topview.End},
		{tcell.KeyEnter, 0, topview.Enter}, {tcell.KeyEscape, 0, topview.Back}, {tcell.KeyBackspace2, 0, topview.Back},
		{tcell.KeyRune, 's', topview.NextOrder}, {tcell.KeyRune, 'r', topview.Reverse}, {tcell.KeyRune, ' ', topview.Pause},
		{tcell.KeyRune, '?', topview.Help}, {tcell.KeyCtrlC, 0, topview.Quit}, {tcell.KeyRune, 'x', 0}, {tcell.KeyF1, 0, 0},
	} {
		if got := keyOf(tcell.NewEventKey(tt.key, tt.r, tcell.ModNone)); got != tt.want {
			t.Errorf("keyOf(%v %q) = %v; want %v", tt.key, tt.r, got, tt.want)
		}
	}
}
