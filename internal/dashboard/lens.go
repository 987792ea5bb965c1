package dashboard

import (
	"fmt"
	"slices"
)

// layerID names the only layer of a visualization.
const layerID = "layer"

// seriesTypes are Lens' words for charts.
var seriesTypes = map[string]string{"bars": "bar_horizontal_stacked", "stacked": "bar_stacked", "lines": "line"}

// lens is a visualization under construction.
type lens struct {
	panel   *Panel
	layer   layer
	buckets []string // ids of columns
	metrics []string
}

// visualization returns the attributes of a Lens visualization: what a panel shows.
func (f fieldTypes) visualization(p *Panel, kql, pattern string) (object, error) {
	v := &lens{panel: p, layer: layer{columns: object{}}}
	if err := v.check(); err != nil {
		return nil, err
	}
	if err := v.fill(f); err != nil {
		return nil, err
	}
	kind, state := v.draw()
	return object{
		"title": "", "type": "lens", "visualizationType": kind,
		"references": []object{{"type": "index-pattern", "id": pattern, "name": "indexpattern-datasource-layer-" + layerID}},
		"state": object{
			"query": object{"language": "kuery", "query": kql}, "filters": []object{}, "internalReferences": []object{}, "adHocDataViews": object{},
			"visualization": state,
			"datasourceStates": object{"formBased": object{"layers": object{layerID: object{
				"columnOrder": v.layer.order, "columns": v.layer.columns, "incompleteColumns": object{}}}}},
		},
	}, nil
}

// check reports whether the panel has what its type needs.
func (v *lens) check() error {
	p, chart := v.panel, seriesTypes[v.panel.Type] != ""
	switch {
	case len(p.Metrics) == 0:
		return fmt.Errorf("there is no metric")
	case p.Type == "metric" && (len(p.Buckets) > 0 || len(p.Metrics) > 1):
		return fmt.Errorf("a metric is one number")
	case chart && (len(p.Buckets) == 0 || len(p.Buckets) > 2):
		return fmt.Errorf("a chart has an axis and at most one bucket for colours")
	case p.Type == "table" && len(p.Buckets) == 0:
		return fmt.Errorf("a table has rows")
	case p.Type != "table" && p.Type != "metric" && !chart:
		return fmt.Errorf("%q is no type of panels", p.Type)
	}
	return nil
}

// fill makes the columns. Lens wants buckets before metrics, and spans of time behind
// the values that they are split by.
func (v *lens) fill(f fieldTypes) error {
	var metrics layer
	metrics.columns = object{}
	for i := range v.panel.Metrics {
		id, err := f.metric(&metrics, fmt.Sprintf("metric%d", i), &v.panel.Metrics[i])
		if err != nil {
			return err
		}
		v.metrics = append(v.metrics, id)
	}
	by := object{"type": "column", "columnId": v.metrics[0]}
	if op := v.panel.Metrics[0].Op; op == "counter_rate" || op == "percentile" {
		by = object{"type": "alphabetical", "fallback": true} // Lens cannot order by these
	}
	for i := range v.panel.Buckets {
		column, err := f.bucket(&v.panel.Buckets[i], by)
		if err != nil {
			return err
		}
		v.buckets = append(v.buckets, v.layer.add(fmt.Sprintf("bucket%d", i), column))
	}
	if v.isTime(0) {
		slices.Reverse(v.layer.order)
	}
	for _, id := range metrics.order {
		v.layer.add(id, metrics.columns[id].(object))
	}
	return nil
}

// isTime reports whether a bucket is spans of time.
func (v *lens) isTime(i int) bool {
	return i < len(v.buckets) && v.layer.columns[v.buckets[i]].(object)["operationType"] == "date_histogram"
}

// draw returns the type of the visualization and its state.
func (v *lens) draw() (kind string, state object) {
	switch v.panel.Type {
	case "metric":
		return "lnsMetric", object{"layerId": layerID, "layerType": "data", "metricAccessor": v.metrics[0]}
	case "table":
		var columns []object
		for _, id := range slices.Concat(v.buckets, v.metrics) {
			columns = append(columns, object{"columnId": id, "isTransposed": false})
		}
		return "lnsDatatable", object{"layerId": layerID, "layerType": "data", "columns": columns}
	}
	series := seriesTypes[v.panel.Type]
	data := object{"layerId": layerID, "layerType": "data", "seriesType": series, "accessors": v.metrics, "xAccessor": v.buckets[0],
		"position": "top", "showGridlines": false}
	if len(v.buckets) > 1 {
		data["splitAccessor"] = v.buckets[1]
		if isLabel(v.panel.Buckets[1].Field) {
			data["colorMapping"] = colorMapping()
		}
	}
	return "lnsXY", object{"preferredSeriesType": series, "valueLabels": "hide", "layers": []object{data},
		"legend": object{"isVisible": len(v.buckets) > 1 || len(v.metrics) > 1, "position": "right"}}
}
