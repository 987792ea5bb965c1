package transaction

import (
	"net/netip"
	"testing"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// TestAnswerOf reads the addresses of a response to a query, and none of a response
// without a query: any qube can send one to the address of another qube.
func TestAnswerOf(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		bytes any // of the query
		want  int
	}{"response": {int64(40), 2}, "no query": {nil, 0}} {
		source := mapstr.M{"ip": "10.137.0.7", "port": int64(4001)}
		if tt.bytes != nil {
			source["bytes"] = tt.bytes
		}
		a, ok := answerOf(&beat.Event{Fields: mapstr.M{
			"source": source, "destination": mapstr.M{"ip": "10.137.0.6", "port": int64(53), "bytes": int64(60)},
			"dns": mapstr.M{"id": 7, "question": mapstr.M{"name": "www.example"}, "resolved_ip": []string{"203.0.113.5", "2001:db8::1"}},
		}})
		if !ok || a.Client != netip.MustParseAddrPort("10.137.0.7:4001") || a.ID != 7 || a.Name != "www.example" || len(a.Addresses) != tt.want {
			t.Errorf("%s: answerOf = %+v, %v; want %d addresses", name, a, ok, tt.want)
		}
	}
}
