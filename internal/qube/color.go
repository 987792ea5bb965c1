package qube

// labelColor is how a trust label is painted.
type labelColor struct {
	name     string
	paint    string   // in Qubes OS
	terminal [3]uint8 // red, green, blue: dark ones are lightened, to be legible on black
}

// labelColors are the labels of Qubes OS (qubes-core-admin, qubes/app.py,
// load_initial_values), the least trusted first.
var labelColors = [...]labelColor{
	{"red", "#cc0000", [3]uint8{229, 57, 53}},
	{"orange", "#f57900", [3]uint8{245, 121, 0}},
	{"yellow", "#edd400", [3]uint8{237, 212, 0}},
	{"green", "#73d216", [3]uint8{115, 210, 22}},
	{"gray", "#555555", [3]uint8{136, 136, 136}},
	{"blue", "#3465a4", [3]uint8{82, 139, 204}},
	{"purple", "#75507b", [3]uint8{154, 120, 172}},
	{"black", "#000000", [3]uint8{}},
}

// LabelColor returns the colour of a trust label as Qubes OS paints it, in the form
// #rrggbb; of a label that a user has created, a light grey that none of the others has.
func LabelColor(label string) string {
	for i := range labelColors {
		if labelColors[i].name == label {
			return labelColors[i].paint
		}
	}
	return "#bbbbbb"
}

// TerminalColor returns the colour of a trust label in a terminal, and false for one that
// is shown in the terminal's own colour: black, and what a user has created.
func TerminalColor(label string) (red, green, blue uint8, ok bool) {
	for i := range labelColors {
		if c := &labelColors[i]; c.name == label && label != "black" {
			return c.terminal[0], c.terminal[1], c.terminal[2], true
		}
	}
	return 0, 0, 0, false
}
