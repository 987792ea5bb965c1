package terminal

import (
	"github.com/gdamore/tcell/v2"

	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// keys are those with a name.
var keys = map[tcell.Key]topview.Key{
	tcell.KeyCtrlC: topview.Quit, tcell.KeyCtrlD: topview.Quit,
	tcell.KeyUp: topview.Up, tcell.KeyDown: topview.Down, tcell.KeyPgUp: topview.PageUp, tcell.KeyPgDn: topview.PageDown,
	tcell.KeyCtrlB: topview.PageUp, tcell.KeyCtrlF: topview.PageDown,
	tcell.KeyHome: topview.Home, tcell.KeyEnd: topview.End, tcell.KeyEnter: topview.Enter, tcell.KeyRight: topview.Enter,
	tcell.KeyEscape: topview.Back, tcell.KeyLeft: topview.Back, tcell.KeyBackspace: topview.Back, tcell.KeyBackspace2: topview.Back,
}

// letters are the keys that write.
var letters = map[rune]topview.Key{
	'q': topview.Quit, 'k': topview.Up, 'j': topview.Down, 'g': topview.Home, 'G': topview.End,
	'p': topview.Pause, ' ': topview.Pause, 's': topview.NextOrder, 'r': topview.Reverse, '?': topview.Help, 'h': topview.Help,
}

// keyOf returns the key of an event, 0 for one that means nothing here.
func keyOf(e *tcell.EventKey) topview.Key {
	if e.Key() == tcell.KeyRune {
		return letters[e.Rune()]
	}
	return keys[e.Key()]
}
