package blocklist_test

import (
	"fmt"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// Lists of any format become one table, in which each lookup names the sources that
// count for it.
func ExampleTable_Name() {
	const ads, mine = blocklist.Source(0), blocklist.Source(1)
	builder := blocklist.NewBuilder(0)
	for source, text := range []string{
		ads:  "0.0.0.0 ads.example.net   # hosts\n||tracker.example^\n",
		mine: "*.example.com\n",
	} {
		report, err := blocklist.Parse(strings.NewReader(text), blocklist.Options{},
			func(r *blocklist.Rule) error { return builder.Add(blocklist.Source(source), r) })
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("rules:", report.Rules)
	}
	table, err := builder.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	var active blocklist.Set
	active.Add(ads) // this client has the first list only
	for _, text := range []string{"ads.example.net", "a.b.tracker.example", "www.example.com"} {
		name, _ := dnsmsg.ParseName(nil, text)
		if hit, ok := table.Name(name, &active); ok {
			fmt.Println(text, "is blocked by", hit.Rule(name))
		} else {
			fmt.Println(text, "is not blocked")
		}
	}
	// Output:
	// rules: 2
	// rules: 1
	// ads.example.net is blocked by ads.example.net
	// a.b.tracker.example is blocked by *.tracker.example
	// www.example.com is not blocked
}
