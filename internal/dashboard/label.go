package dashboard

import (
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// labels are the trust labels of Qubes OS in its own order.
var labels = [...]string{"red", "orange", "yellow", "green", "gray", "blue", "purple", "black"}

// isLabel reports whether the values of a field are trust labels.
func isLabel(field string) bool {
	return field == "qube.label" || strings.HasSuffix(field, ".qube.label")
}

// colorMapping gives each trust label its colour, and any other label one of the
// palette's. This form, with one rule for each colour, is read by Kibana 8.11 and later;
// earlier ones use their palette. A rule for other values with a fixed colour would be
// drawn grey altogether from 8.13 on (kibana#231165).
func colorMapping() object {
	var assignments []object
	for _, l := range labels {
		assignments = append(assignments, object{"rule": object{"type": "matchExactly", "values": []string{l}},
			"color": object{"type": "colorCode", "colorCode": qube.LabelColor(l)}, "touched": true})
	}
	return object{"assignments": assignments, "paletteId": "eui_amsterdam_color_blind", "colorMode": object{"type": "categorical"},
		"specialAssignments": []object{{"rule": object{"type": "other"}, "color": object{"type": "loop"}, "touched": false}}}
}
