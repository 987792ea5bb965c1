//go:build linux

package dropin_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// elasticAddr is where the output is, on the machine of the beat.
const elasticAddr = "127.0.0.1:9200"

// queueEvents is the room of libbeat's queue in front of it.
const queueEvents = 32

// elasticOutput is the end of a configuration. Nothing listens there before
// newElastic.
var elasticOutput = fmt.Sprintf(`
output.elasticsearch: {hosts: ["http://%s"], preset: custom, compression_level: 0, backoff: {init: 100ms, max: 500ms}}
setup: {template.enabled: false, ilm.enabled: false}
queue.mem: {events: %d, flush: {min_events: 8, timeout: 0.1s}}
`, elasticAddr, queueEvents)

// elastic is as much of Elasticsearch as an output needs.
type elastic struct {
	mu   sync.Mutex
	docs runner.Events
}

// newElastic starts the server. It ends with the test.
func newElastic(t *testing.T, on *testbed.Host) *elastic {
	t.Helper()
	es := &elastic{}
	mux := http.NewServeMux()
	mux.HandleFunc("/", es.info)
	mux.HandleFunc("/_license", es.license)
	mux.HandleFunc("/_bulk", es.bulk)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	var l net.Listener
	err := on.Do(func() (err error) {
		l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", elasticAddr)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		_ = srv.Close()
		done.Wait()
	})
	return es
}

func (es *elastic) info(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"name":"test","cluster_name":"test","cluster_uuid":"0","version":{"number":"9.3.0",`+
		`"build_flavor":"default"},"tagline":"You Know, for Search"}`)
}

func (es *elastic) license(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"license":{"uid":"0","type":"basic","status":"active"}}`)
}

// bulk takes a list of documents, each after a line that says what to do with it.
func (es *elastic) bulk(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	sc := bufio.NewScanner(body)
	sc.Buffer(nil, 16<<20)
	var answers []string
	for action := false; sc.Scan(); {
		if len(sc.Bytes()) == 0 {
			continue
		}
		if action = !action; !action {
			es.take(sc.Bytes())
			answers = append(answers, `{"create":{"status":201}}`)
		}
	}
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"took":1,"errors":false,"items":[%s]}`, strings.Join(answers, ","))
}

func (es *elastic) take(line []byte) {
	e, err := runner.ParseEvent(line)
	if err != nil {
		return
	}
	es.mu.Lock()
	defer es.mu.Unlock()
	es.docs = append(es.docs, e)
}

// events returns what has arrived so far.
func (es *elastic) events() runner.Events {
	es.mu.Lock()
	defer es.mu.Unlock()
	return es.docs[:len(es.docs):len(es.docs)]
}

// has reports whether an event has arrived.
func (es *elastic) has(is func(event) bool) bool { return len(es.events().Filter(is)) > 0 }

// quiet waits until nothing has arrived for some time.
func (es *elastic) quiet(t *testing.T, silence time.Duration) {
	t.Helper()
	poll.Settle(t, "nothing arrives any more", silence, func() int { return len(es.events()) })
}
