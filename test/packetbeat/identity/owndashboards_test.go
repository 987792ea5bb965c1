package identity_test

import (
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/testbed/panel"
)

// ownDashboards are the dashboards that are not packetbeat's.
var ownDashboards = []string{"qubesbeat-dns", "qubesbeat-findings", "qubesbeat-firewall", "qubesbeat-overview", "qubesbeat-sensor", "qubesbeat-verification"}

// checkOwn holds that our own dashboards have arrived in a form that every Kibana from 8.6
// on accepts, with fields that are in the index template.
func (s *setup) checkOwn(name string) {
	s.t.Helper()
	types, _ := exportTemplate(ofName(s.t, name)).fields()
	w := &panel.World{Types: types, Pattern: name + "-*", Dashboards: ownDashboards}
	checked := 0
	for _, o := range s.kibana.imported() {
		if o.Type != "dashboard" || !slices.Contains(ownDashboards, o.ID) {
			continue
		}
		d, err := panel.Read(o.raw)
		if err != nil {
			s.t.Errorf("%s: %v", o.ID, err)
			continue
		}
		checked++
		for _, wrong := range w.Check(d) {
			s.t.Errorf("%s: %s", o.ID, wrong)
		}
	}
	if checked != len(ownDashboards) {
		s.t.Errorf("%d own dashboards were checked; want %d", checked, len(ownDashboards))
	}
}
