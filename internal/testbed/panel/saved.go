package panel

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Dashboard is a saved object. It has the attributes that Kibana 8.6 knows; its later
// versions refuse others.
type Dashboard struct {
	ID                   string            `json:"id"`
	Type                 string            `json:"type"`
	CoreMigrationVersion string            `json:"coreMigrationVersion"`
	MigrationVersion     map[string]string `json:"migrationVersion"`
	References           []Reference       `json:"references"`
	Attributes           struct {
		Title                 string        `json:"title"`
		Description           string        `json:"description"`
		TimeRestore           bool          `json:"timeRestore"`
		Version               int           `json:"version"`
		OptionsJSON           text[Options] `json:"optionsJSON"`
		KibanaSavedObjectMeta struct {
			SearchSourceJSON text[Source] `json:"searchSourceJSON"`
		} `json:"kibanaSavedObjectMeta"`
		ControlGroupInput struct {
			ChainingSystem           string `json:"chainingSystem"`
			ControlStyle             string `json:"controlStyle"`
			IgnoreParentSettingsJSON string `json:"ignoreParentSettingsJSON"`
			PanelsJSON               string `json:"panelsJSON"` // libbeat sends it as it is
		} `json:"controlGroupInput"`
		PanelsJSON text[[]*Panel] `json:"panelsJSON"`
	} `json:"attributes"`
}

// Reference is what an object says about another one that it needs.
type Reference struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Name string `json:"name"`
}

// Options are those of a dashboard.
type Options struct {
	HidePanelTitles bool `json:"hidePanelTitles"`
	SyncColors      bool `json:"syncColors"`
	SyncCursor      bool `json:"syncCursor"`
	SyncTooltips    bool `json:"syncTooltips"`
	UseMargins      bool `json:"useMargins"`
}

// Source is a query with filters.
type Source struct {
	Query  Query             `json:"query"`
	Filter []json.RawMessage `json:"filter"`
}

// Query is a query of the user.
type Query struct {
	Language string `json:"language"`
	Query    string `json:"query"`
}

// Panel is a panel of a dashboard.
type Panel struct {
	Type       string `json:"type"`
	Version    string `json:"version"`
	PanelIndex string `json:"panelIndex"`
	Title      string `json:"title"`
	GridData   struct {
		I string `json:"i"`
		X int    `json:"x"`
		Y int    `json:"y"`
		W int    `json:"w"`
		H int    `json:"h"`
	} `json:"gridData"`
	EmbeddableConfig struct {
		Enhancements    struct{}  `json:"enhancements"`
		HidePanelTitles bool      `json:"hidePanelTitles"`
		Attributes      *Lens     `json:"attributes"` // of a panel of type lens
		SavedVis        *Markdown `json:"savedVis"`   // of a panel of type visualization
	} `json:"embeddableConfig"`
}

// Markdown is a text.
type Markdown struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Type        string   `json:"type"`
	UIState     struct{} `json:"uiState"`
	Params      struct {
		Markdown          string `json:"markdown"`
		FontSize          int    `json:"fontSize"`
		OpenLinksInNewTab bool   `json:"openLinksInNewTab"`
	} `json:"params"`
	Data struct {
		Aggs         []json.RawMessage `json:"aggs"`
		SearchSource Source            `json:"searchSource"`
	} `json:"data"`
}

// text is a value that is written as JSON, or as a string with JSON.
type text[T any] struct{ Value T }

// UnmarshalJSON implements the [json.Unmarshaler] interface for *text.
func (t *text[T]) UnmarshalJSON(data []byte) error {
	var inner string
	if json.Unmarshal(data, &inner) == nil {
		data = []byte(inner)
	}
	return strict(data, &t.Value)
}

// strict reads JSON in which every key must be known.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Read reads a dashboard. A key that Kibana does not know, or that says a version to Lens,
// is an error.
func Read(data []byte) (*Dashboard, error) {
	d := &Dashboard{}
	if err := strict(data, d); err != nil {
		return nil, fmt.Errorf("reading a dashboard: %w", err)
	}
	return d, nil
}

// Panels returns the panels with a search.
func (d *Dashboard) Panels() (all []*Panel) {
	for _, p := range d.Attributes.PanelsJSON.Value {
		if p.EmbeddableConfig.Attributes != nil {
			all = append(all, p)
		}
	}
	return all
}
