package qube

// LabelColor returns the colour of a trust label as Qubes OS paints it (qubes-core-admin,
// qubes/app.py, load_initial_values), in the form #rrggbb; of a label that a user has
// created, a light grey that none of the others has.
func LabelColor(label string) string {
	switch label {
	case "red":
		return "#cc0000"
	case "orange":
		return "#f57900"
	case "yellow":
		return "#edd400"
	case "green":
		return "#73d216"
	case "gray":
		return "#555555"
	case "blue":
		return "#3465a4"
	case "purple":
		return "#75507b"
	case "black":
		return "#000000"
	}
	return "#bbbbbb"
}
