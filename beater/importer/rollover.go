package importer

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/elastic/beats/v7/libbeat/esleg/eslegclient"
	"github.com/elastic/beats/v7/libbeat/outputs/elasticsearch"
	"github.com/elastic/elastic-agent-libs/logp"
)

// streams is what Elasticsearch says of data streams.
type streams struct {
	DataStreams []struct {
		Name    string            `json:"name"`
		Indices []json.RawMessage `json:"indices"`
	} `json:"data_streams"`
}

// refuseRolledOver calls refuse, from another goroutine, if a stream of imports was rolled
// over: ids are unique in each backing index only, so that its events would come again.
// If the beat may not ask, nothing is refused.
func refuseRolledOver(name string, refuse func(error)) error {
	_, err := elasticsearch.RegisterConnectCallback(func(conn *eslegclient.Connection, _ *logp.Logger) error {
		status, body, err := conn.Request(http.MethodGet, "/_data_stream/"+name+"-import-*", "", nil, nil)
		var all streams
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &all) != nil {
			return nil //nolint:nilerr // a role that may only write
		}
		err = all.rolledOver()
		if err != nil {
			refuse(err)
		}
		return err
	})
	return err
}

// rolledOver returns an error if a stream has more than one backing index.
func (s *streams) rolledOver() error {
	for _, stream := range s.DataStreams {
		if n := len(stream.Indices); n > 1 {
			return fmt.Errorf("the data stream %s was rolled over and has %d indices, so that its events would be stored again; "+
				"delete the stream and import all files of that day", stream.Name, n)
		}
	}
	return nil
}
