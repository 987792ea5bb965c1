package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"
)

// notesHeight is the height of the Markdown at the top.
const notesHeight = 5

// control is a choice at the top of a dashboard, which applies to all of its panels.
type control struct{ id, field, title string }

// controls are the same on every dashboard. Two sensors may have qubes of one name.
var controls = []control{{"sensor", "observer.name", "Sensor"}, {"qube", "qube.name", "Qube"}, {"label", "qube.label", "Label"}}

// controls returns the group of controls, and their references to the data view. Their
// panels are text: libbeat does not encode them, as it does other parts.
func (b *Builder) controls() (group object, references []object) {
	panels := object{}
	for i, c := range controls {
		panels[c.id] = object{"order": i, "width": "medium", "grow": true, "type": "optionsListControl",
			"explicitInput": object{"id": c.id, "fieldName": c.field, "title": c.title, "selectedOptions": []string{}, "singleSelect": false, "enhancements": object{}}}
		references = append(references, b.reference("controlGroup_"+c.id+":optionsListDataView"))
	}
	text, err := json.Marshal(panels)
	if err != nil {
		panic("dashboard: " + err.Error()) // maps of text and numbers
	}
	return object{"chainingSystem": "HIERARCHICAL", "controlStyle": "oneLine", "panelsJSON": string(text),
		"ignoreParentSettingsJSON": `{"ignoreFilters":false,"ignoreQuery":false,"ignoreTimerange":false,"ignoreValidations":false}`}, references
}

// markdown returns the panel at the top: links to the other dashboards, and the notes. A
// link by a reference would make libbeat load dashboards that refer to each other
// without end.
func (b *Builder) markdown(s *Spec) object {
	var links []string
	for _, other := range b.All {
		if other.ID == s.ID {
			links = append(links, "**"+other.Title+"**")
			continue
		}
		links = append(links, fmt.Sprintf("[%s](#/view/%s)", other.Title, other.ID))
	}
	const id = "notes"
	text := strings.Join(links, " | ") + "\n\n" + strings.TrimSpace(s.Notes)
	return object{"type": "visualization", "version": version, "panelIndex": id, "gridData": place{w: gridWidth, h: notesHeight}.json(id), "title": "",
		"embeddableConfig": object{"enhancements": object{}, "hidePanelTitles": true, "savedVis": object{
			"id": "", "title": "", "description": "", "type": "markdown", "uiState": object{},
			"params": object{"markdown": text, "fontSize": 12, "openLinksInNewTab": false},
			"data":   object{"aggs": []object{}, "searchSource": object{"query": object{"language": "kuery", "query": ""}, "filter": []object{}}},
		}}}
}
