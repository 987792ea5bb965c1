package htmlreport_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
)

// world returns events of all kinds, in which each text that comes from outside is s.
func world(s string) string {
	quoted, _ := json.Marshal(s)
	var b strings.Builder
	for i, line := range []string{
		`"event":{"dataset":"flow"},"type":"flow","flow":{"final":true,"id":S},"qube":Q,"network":{"transport":S,"direction":S},"source":{"ip":S,"bytes":1000},"destination":{"ip":"198.51.100.7","domain":S,"port":443,"bytes":90000,"geo":{"country_iso_code":"DE"},"as":{"number":64496,"organization":{"name":S}}},"tls":{"client":{"ja4":S}}`,
		`"event":{"dataset":"flow"},"type":"flow","flow":{"final":true},"qube":Q,"network":{"direction":"inbound"},"source":{"ip":S,"qube":{"name":S}},"destination":{"ip":S}`,
		`"event":{"dataset":"flow"},"flow":{"final":true},"qube":{"name":"sys-vpn","label":"green","netvm":"sys-log"},"source":{"bytes":5},"destination":{"ip":"203.0.113.9","bytes":1}`,
		`"event":{"dataset":"qubesbeat.dns","action":"dns-blocked"},"qube":Q,"dns":{"question":{"name":S,"registered_domain":S}},"qubesbeat":{"dns":{"count":3,"block":{"list":S}}}`,
		`"event":{"dataset":"qubesbeat.firewall"},"qube":Q,"firewall":{"count":4,"point":S},"rule":{"name":S},"destination":{"ip":S,"port":22}`,
		`"event":{"dataset":"qubesbeat.finding","action":S,"reason":S,"severity":47},"qube":Q,"finding":{"method":S,"level":S,"count":2},"destination":{"ip":S,"domain":S}`,
		`"event":{"dataset":"qubesbeat.verify","reason":S},"qube":Q,"rule":{"id":S,"name":S},"verify":{"verdict":S,"subject":S,"previous":S,"why":S,"expect":{"exit":S,"endpoints":[S]},"tunnel":{"protocol":S}}`,
		`"event":{"dataset":"qubesbeat.inventory","action":S},"qube":Q,"inventory":{"changed":[S,"label"],"previous":{"label":S}}`,
		`"event":{"dataset":"qubesbeat.stats"},"agent":{"version":S},"stats":{"capture":{"kernel_drops":7}}`,
		`"event":{"dataset":S,"kind":"event"},"type":S,"qube":Q`,
	} {
		line = strings.ReplaceAll(line, "Q", `{"name":S,"label":S,"class":S,"template":S,"netvm":S,"clients":[S,"b"],"vif":S,"ip":S,"uuid":S}`)
		fmt.Fprintf(&b, "{\"@timestamp\":\"2026-11-21T20:59:%02dZ\",\"host\":{\"name\":%s},%s}\n", i*3, quoted, strings.ReplaceAll(line, "S", string(quoted)))
	}
	return b.String()
}

// read returns the analysis of a file.
func read(t testing.TB, text string) *analysis.Analysis {
	t.Helper()
	a := analysis.New(analysis.Config{Domain: func(name string) string { return name }})
	_ = a.Read("-", strings.NewReader(text), nil) // the text may be hostile
	return a
}

// page returns a report as HTML.
func page(t testing.TB, a *analysis.Analysis) string {
	t.Helper()
	var b bytes.Buffer
	if err := htmlreport.Write(&b, a, &htmlreport.Options{Zone: time.UTC, Top: 25, Command: "qubesbeat report --html", Version: "qubesbeat 0.1.0"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
