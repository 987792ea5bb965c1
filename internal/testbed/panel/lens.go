package panel

import "encoding/json"

// Lens is a visualization. It has no version: with one, later versions of Kibana would
// pass over their migrations.
type Lens struct {
	Title             string      `json:"title"`
	Type              string      `json:"type"`
	VisualizationType string      `json:"visualizationType"`
	References        []Reference `json:"references"`
	State             struct {
		Query              Query             `json:"query"`
		Filters            []json.RawMessage `json:"filters"`
		InternalReferences []json.RawMessage `json:"internalReferences"`
		AdHocDataViews     struct{}          `json:"adHocDataViews"`
		Visualization      json.RawMessage   `json:"visualization"`
		DatasourceStates   struct {
			FormBased struct {
				Layers map[string]*Layer `json:"layers"`
			} `json:"formBased"`
		} `json:"datasourceStates"`
	} `json:"state"`
}

// Layer is the data of a visualization.
type Layer struct {
	ColumnOrder       []string           `json:"columnOrder"`
	Columns           map[string]*Column `json:"columns"`
	IncompleteColumns struct{}           `json:"incompleteColumns"`
}

// Column is what documents are put together by, or a number.
type Column struct {
	Label         string   `json:"label"`
	CustomLabel   bool     `json:"customLabel"`
	DataType      string   `json:"dataType"`
	OperationType string   `json:"operationType"`
	SourceField   string   `json:"sourceField"`
	IsBucketed    bool     `json:"isBucketed"`
	Scale         string   `json:"scale"`
	References    []string `json:"references"`
	TimeScale     string   `json:"timeScale"`
	Params        struct {
		Size             int       `json:"size"`
		OrderBy          *OrderBy  `json:"orderBy"`
		OrderDirection   string    `json:"orderDirection"`
		OtherBucket      bool      `json:"otherBucket"`
		MissingBucket    bool      `json:"missingBucket"`
		ParentFormat     *FormatID `json:"parentFormat"`
		SecondaryFields  []string  `json:"secondaryFields"`
		Interval         string    `json:"interval"`
		IncludeEmptyRows bool      `json:"includeEmptyRows"`
		DropPartials     bool      `json:"dropPartials"`
		EmptyAsNull      bool      `json:"emptyAsNull"`
		Percentile       int       `json:"percentile"`
		Format           *Format   `json:"format"`
	} `json:"params"`
}

// OrderBy is the order of the values of a field.
type OrderBy struct {
	Type     string `json:"type"`
	ColumnID string `json:"columnId"`
	Fallback bool   `json:"fallback"`
}

// FormatID names a format.
type FormatID struct {
	ID string `json:"id"`
}

// Format is how numbers are shown.
type Format struct {
	ID     string `json:"id"`
	Params struct {
		Decimals int `json:"decimals"`
	} `json:"params"`
}

// drawing is the state of any of the three visualizations.
type drawing struct {
	// of all but charts
	LayerID   string `json:"layerId"`
	LayerType string `json:"layerType"`
	// of a metric
	MetricAccessor string `json:"metricAccessor"`
	// of a table
	Columns []struct {
		ColumnID     string `json:"columnId"`
		IsTransposed bool   `json:"isTransposed"`
	} `json:"columns"`
	// of a chart
	PreferredSeriesType string    `json:"preferredSeriesType"`
	ValueLabels         string    `json:"valueLabels"`
	Layers              []*series `json:"layers"`
	Legend              struct {
		IsVisible bool   `json:"isVisible"`
		Position  string `json:"position"`
	} `json:"legend"`
}

// series is a layer of a chart.
type series struct {
	LayerID       string   `json:"layerId"`
	LayerType     string   `json:"layerType"`
	SeriesType    string   `json:"seriesType"`
	Accessors     []string `json:"accessors"`
	XAccessor     string   `json:"xAccessor"`
	SplitAccessor string   `json:"splitAccessor"`
	Position      string   `json:"position"`
	ShowGridlines bool     `json:"showGridlines"`
	ColorMapping  *colors  `json:"colorMapping"`
}

// colors say which values have which colour.
type colors struct {
	Assignments        []assignment `json:"assignments"`
	SpecialAssignments []assignment `json:"specialAssignments"`
	PaletteID          string       `json:"paletteId"`
	ColorMode          struct {
		Type string `json:"type"`
	} `json:"colorMode"`
}

type assignment struct {
	Rule struct {
		Type   string   `json:"type"`
		Values []string `json:"values"`
	} `json:"rule"`
	Color struct {
		Type      string `json:"type"`
		ColorCode string `json:"colorCode"`
	} `json:"color"`
	Touched bool `json:"touched"`
}

// layer returns the only layer of a visualization and its name, nil if there is not
// exactly one.
func (v *Lens) layer() (name string, l *Layer) {
	if len(v.State.DatasourceStates.FormBased.Layers) != 1 {
		return "", nil
	}
	for name, l = range v.State.DatasourceStates.FormBased.Layers {
	}
	return name, l
}
