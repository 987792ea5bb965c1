package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// version is the Kibana whose form the objects have. Later ones migrate them.
const version = "8.6.0"

// Builder makes dashboards.
type Builder struct {
	// Types are the types of all fields by name, as in fields.yml.
	Types map[string]string
	// Pattern is the id of the data view.
	Pattern string
	// All are the dashboards that each links to, in this order.
	All []*Spec
}

// Build returns the saved object of a dashboard: indented JSON that is the same on every
// run. Its errors name the panel.
func (b *Builder) Build(s *Spec) ([]byte, error) {
	panels, references := []object{b.markdown(s)}, []object{}
	places := layout(s.Panels, notesHeight)
	seen := map[string]bool{}
	for i := range s.Panels {
		p := &s.Panels[i]
		id := slug(p.Title)
		one, err := b.panel(s, p, id, places[i])
		if err != nil {
			return nil, fmt.Errorf("%s: panel %q: %w", s.ID, p.Title, err)
		}
		if seen[id] {
			return nil, fmt.Errorf("%s: two panels have the title %q", s.ID, p.Title)
		}
		seen[id] = true
		panels = append(panels, one)
		references = append(references, b.reference(id+":indexpattern-datasource-layer-"+layerID))
	}
	controls, more := b.controls()
	return encode(object{
		"id": s.ID, "type": "dashboard", "coreMigrationVersion": version, "migrationVersion": object{"dashboard": version},
		"references": append(references, more...),
		"attributes": object{
			"title": "[Qubesbeat] " + s.Title, "description": oneLine(s.Description), "timeRestore": false, "version": 1,
			"optionsJSON":           object{"hidePanelTitles": false, "syncColors": true, "syncCursor": true, "syncTooltips": false, "useMargins": true},
			"kibanaSavedObjectMeta": object{"searchSourceJSON": object{"query": object{"language": "kuery", "query": ""}, "filter": []object{}}},
			"controlGroupInput":     controls,
			"panelsJSON":            panels,
		},
	})
}

// panel returns a panel with its visualization.
func (b *Builder) panel(s *Spec, p *Panel, id string, at place) (object, error) {
	kql, err := s.Query(p)
	if err != nil {
		return nil, err
	}
	attributes, err := fieldTypes(b.Types).visualization(p, kql, b.Pattern)
	if err != nil {
		return nil, err
	}
	return object{"type": "lens", "version": version, "panelIndex": id, "gridData": at.json(id), "title": p.Title,
		"embeddableConfig": object{"enhancements": object{}, "hidePanelTitles": false, "attributes": attributes}}, nil
}

// reference returns a reference to the data view.
func (b *Builder) reference(name string) object {
	return object{"type": "index-pattern", "id": b.Pattern, "name": name}
}

// notWord is what an id does not have.
var notWord = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes an id of a title.
func slug(title string) string {
	return strings.Trim(notWord.ReplaceAllString(strings.ToLower(title), "-"), "-")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// encode writes JSON as people read it.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return out.Bytes(), err
}
