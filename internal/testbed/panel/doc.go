// Package panel reads the dashboards of Kibana as Kibana does, of which there is none to
// test with: it checks what a version of Kibana would refuse or show empty ([Check]), and
// turns a panel into the search that the browser would send ([Panel.Search]).
//
// It does not share code with internal/dashboard, which writes the dashboards.
package panel
