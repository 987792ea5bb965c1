package ecs_test

import (
	"encoding/json"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/ecs"
	"github.com/qubesbeat/qubesbeat/internal/event"
)

// TestPlace_prepared: a place is written alike whether it is prepared or not.
func TestPlace_prepared(t *testing.T) {
	for _, p := range []event.Place{{}, {Country: "CH"}, {ASNumber: 1}, {Country: "CH", ASNumber: 64496, ASName: "a\"},{\n\xff"}} {
		for _, before := range []string{"", `"a":1`} {
			plain, prepared := event.JSON{Buf: []byte("{" + before)}, event.JSON{Buf: []byte("{" + before)}
			ecs.Place(&plain, &p)
			q := p
			ecs.Prepare(&q)
			ecs.Place(&prepared, &q)
			got := string(append(prepared.Buf, '}'))
			if want := string(append(plain.Buf, '}')); got != want || !json.Valid([]byte(got)) {
				t.Errorf("%+v: %s, want %s", p, got, want)
			}
		}
	}
}
