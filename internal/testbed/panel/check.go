package panel

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// newest is the newest version of Kibana that an object may claim: older ones refuse it.
const newest = "8.6.0"

// World is what a dashboard must agree with.
type World struct {
	// Types are the types of all fields by name, in the words of fields.yml.
	Types map[string]string
	// Pattern is the id of the data view.
	Pattern string
	// Dashboards are the ids of those that links may lead to.
	Dashboards []string
}

// Check returns what is wrong with a dashboard: what makes a version of Kibana from 8.6 on
// refuse it, show it empty or wrongly, or would mislead people.
func (w *World) Check(d *Dashboard) (wrong []string) {
	c := &checker{World: w, names: map[string]bool{}}
	c.object(d)
	c.controls(d)
	panels := d.Attributes.PanelsJSON.Value
	c.grid(panels)
	for _, p := range panels {
		c.where = fmt.Sprintf("panel %q: ", p.Title)
		c.panel(p)
	}
	c.where = ""
	c.references(d.References)
	return c.wrong
}

// checker collects what is wrong.
type checker struct {
	*World
	where string          // the beginning of every sentence
	names map[string]bool // of references that must be there
	wrong []string
}

// want notes a fault unless ok.
func (c *checker) want(ok bool, format string, args ...any) {
	if !ok {
		c.wrong = append(c.wrong, c.where+fmt.Sprintf(format, args...))
	}
}

func (c *checker) object(d *Dashboard) {
	a := &d.Attributes
	c.want(d.Type == "dashboard", "the type is %q", d.Type)
	c.want(d.CoreMigrationVersion == newest && len(d.MigrationVersion) == 1 && d.MigrationVersion["dashboard"] == newest,
		"it claims %s and %v; want %s", d.CoreMigrationVersion, d.MigrationVersion, newest)
	c.want(strings.HasPrefix(a.Title, "[Qubesbeat] "), "the title is %q", a.Title)
	c.want(len(a.Description) > 20, "the description is %q", a.Description)
	c.want(!a.TimeRestore, "it changes the user's range of time")
	s := a.KibanaSavedObjectMeta.SearchSourceJSON.Value
	c.want(s.Query.Query == "" && s.Query.Language == "kuery" && len(s.Filter) == 0, "it has a query or filters of its own: %v", s)
	c.want(len(c.Dashboards) == 0 || slices.Contains(c.Dashboards, d.ID), "the id is %q", d.ID)
}

// controls are a sensor, a qube and a label, for two sensors may have qubes of one name.
func (c *checker) controls(d *Dashboard) {
	var controls map[string]struct {
		Order         int
		Type          string
		ExplicitInput struct{ ID, FieldName, Title string }
	}
	if err := json.Unmarshal([]byte(d.Attributes.ControlGroupInput.PanelsJSON), &controls); err != nil {
		c.want(false, "the controls are not text with JSON: %v", err)
		return
	}
	var fields []string
	for _, id := range slices.Sorted(maps.Keys(controls)) {
		one := controls[id]
		c.want(one.Type == "optionsListControl" && one.ExplicitInput.ID == id && one.ExplicitInput.Title != "", "control %s is %v", id, one)
		c.field(one.ExplicitInput.FieldName)
		fields = append(fields, one.ExplicitInput.FieldName)
		c.names["controlGroup_"+id+":optionsListDataView"] = true
	}
	slices.Sort(fields)
	c.want(slices.Equal(fields, []string{"observer.name", "qube.label", "qube.name"}), "the controls are %q", fields)
}

// references must be those that are needed, and no others.
func (c *checker) references(all []Reference) {
	have := map[string]bool{}
	for _, r := range all {
		c.want(r.Type == "index-pattern" && r.ID == c.Pattern, "a reference leads to %s %s", r.Type, r.ID)
		c.want(!have[r.Name], "two references have the name %s", r.Name)
		have[r.Name] = true
		c.want(c.names[r.Name], "nothing needs the reference %s", r.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.names)) {
		c.want(have[name], "the reference %s is missing", name)
	}
}

// grid holds that panels stand on the grid and side by side.
func (c *checker) grid(panels []*Panel) {
	c.want(len(panels) > 0 && len(panels) <= 100, "there are %d panels", len(panels))
	seen, taken := map[string]bool{}, map[[2]int]string{}
	for _, p := range panels {
		g := p.GridData
		c.want(p.PanelIndex != "" && p.PanelIndex == g.I && !seen[g.I], "the panel %q has the index %q on the grid, or shares it", p.PanelIndex, g.I)
		seen[g.I] = true
		c.want(g.W > 0 && g.H > 0 && g.X >= 0 && g.Y >= 0 && g.X+g.W <= 48, "panel %q stands outside of the grid", p.PanelIndex)
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					c.want(false, "panel %q overlaps %q", p.PanelIndex, other)
					return
				}
				taken[[2]int{x, y}] = p.PanelIndex
			}
		}
	}
}

func (c *checker) panel(p *Panel) {
	c.want(p.Version == newest, "its version is %q", p.Version)
	switch e := &p.EmbeddableConfig; {
	case p.Type == "lens" && e.Attributes != nil && e.SavedVis == nil:
		c.want(p.Title != "" && !e.HidePanelTitles, "it has no title")
		c.lens(p, e.Attributes)
	case p.Type == "visualization" && e.SavedVis != nil && e.Attributes == nil:
		c.markdown(e.SavedVis)
	default:
		c.want(false, "it is neither Lens nor a text, but %q", p.Type)
	}
}

// link is a link of Markdown.
var link = regexp.MustCompile(`\]\(([^)]*)\)`)

func (c *checker) markdown(m *Markdown) {
	c.want(m.Type == "markdown" && m.Params.Markdown != "", "it is a visualization of the old kind, %q", m.Type)
	for _, to := range link.FindAllStringSubmatch(m.Params.Markdown, -1) {
		id, ok := strings.CutPrefix(to[1], "#/view/")
		c.want(ok && slices.Contains(c.Dashboards, id), "a link leads to %q", to[1])
	}
}

// field holds that a field exists and returns its type.
func (c *checker) field(name string) string {
	kind := c.Types[name]
	c.want(kind != "", "there is no field %q", name)
	return kind
}
