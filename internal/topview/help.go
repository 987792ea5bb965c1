package topview

// help explains keys and columns, in 80 columns.
var help = [...]string{
	"up, down, page up, page down, home, end  choose (k, j, Ctrl-B, Ctrl-F, g, G)",
	"Enter                                    open it: its destinations",
	"Esc, backspace                           back to the table",
	"s, r                                     sort by the next column, reverse",
	"p, space                                 pause and go on",
	"q, Ctrl-C                                quit", "",
	"OUT/s, IN/s   bytes a second that the qube has sent, that were sent to it",
	"FLOWS         live flows",
	"DNS, BLKD     queries to the resolver since the beat started, blocked ones",
	"REFD          packets that the firewall refused, some seconds late",
	"FIND          findings",
	"VERIFY        what the checks of the qube come to: fail, doubt or pass",
	"!fail         a check of the qube fails, where VERIFY has no room",
	"!spoofed      the qube uses an address that is not its own",
}

// shortHelp is the same in 40 columns and 8 lines.
var shortHelp = [...]string{
	"up, down, page, home, end  choose a qube",
	"Enter open it    Esc back to the table",
	"s sort   r reverse   p pause   q quit",
	"OUT/s, IN/s  bytes sent, received",
	"FLOWS live  DNS queries  BLKD blocked",
	"REFD refused packets   FIND findings",
	"!fail     a check of the qube fails",
	"!spoofed  an address that is not its own",
}

// helpLines explain keys and columns on a screen of some size.
func helpLines(width, height int) []Line {
	text := help[:]
	if width < 80 || height < len(help)+3 {
		text = shortHelp[:]
	}
	lines := []Line{nil}
	for _, l := range text {
		lines = append(lines, plain(Plain, l))
	}
	return lines
}
