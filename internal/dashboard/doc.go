// Package dashboard makes Kibana's saved objects of descriptions that people write and
// read, such as module/flow/_meta/kibana/overview.yml.
//
// A dashboard is one object that refers to nothing but the data view: its panels hold
// their Lens visualizations by value, in the form of Kibana 8.6, which later versions
// migrate. It uses of Lens what the tests can turn into searches: no formulas, no last
// values, no pies.
package dashboard
