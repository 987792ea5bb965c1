package publish

import (
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

// ShowMetrics shows the counters of the stats event where libbeat shows its own: in
// the log every logging.metrics.period and under /stats of the HTTP endpoint.
func ShowMetrics(stats *monitoring.Registry, sources []metrics.Source) {
	monitoring.NewFunc(stats, "qubesbeat", func(_ monitoring.Mode, v monitoring.Visitor) {
		v.OnRegistryStart()
		defer v.OnRegistryFinished()
		group := ""
		for _, c := range metrics.Collect(sources...) {
			if c.Group != group {
				if group != "" {
					v.OnRegistryFinished()
				}
				group = c.Group
				v.OnKey(group)
				v.OnRegistryStart()
			}
			if c.Text != "" {
				monitoring.ReportString(v, c.Name, c.Text)
			} else {
				monitoring.ReportInt(v, c.Name, int64(c.Value))
			}
		}
		v.OnRegistryFinished()
	}, monitoring.Report)
}
