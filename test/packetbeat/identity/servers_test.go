package identity_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// elastic is an Elasticsearch that has nothing and takes everything.
type elastic struct {
	*httptest.Server
	mu   sync.Mutex
	puts map[string]string // path to body; guarded by mu
	docs strings.Builder   // bodies of bulk requests; guarded by mu
}

func newElastic(t testing.TB) *elastic {
	t.Helper()
	e := &elastic{puts: map[string]string{}}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

// ServeHTTP implements http.Handler.
func (e *elastic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch") // libbeat refuses other servers
	w.Header().Set("Content-Type", "application/json")
	body, err := readBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch {
	case r.Method == http.MethodPut:
		e.mu.Lock()
		e.puts[r.URL.Path] = string(body)
		e.mu.Unlock()
		_, _ = io.WriteString(w, `{"acknowledged":true}`)
	case r.URL.Path == "/":
		_, _ = fmt.Fprintf(w, `{"name":"fake","cluster_name":"fake","cluster_uuid":"aaaaaaaaaaaaaaaaaaaaaa",
			"version":{"number":%q,"build_flavor":"default"},"tagline":"You Know, for Search"}`, version)
	case r.URL.Path == "/_license":
		_, _ = io.WriteString(w, `{"license":{"status":"active","uid":"1","type":"basic"}}`)
	case r.URL.Path == "/_xpack":
		_, _ = io.WriteString(w, `{"features":{"ilm":{"available":true,"enabled":true}}}`)
	case strings.HasSuffix(r.URL.Path, "/_bulk"):
		e.mu.Lock()
		e.docs.Write(body)
		e.mu.Unlock()
		_, _ = io.WriteString(w, bulkAnswer(string(body)))
	default: // nothing is there yet
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{}`)
	}
}

// readBody returns a body, which libbeat may have compressed.
func readBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// bulkAnswer says that every document was taken: each has a line for what to do
// with it and a line of its own.
func bulkAnswer(body string) string {
	n := strings.Count(body, "\n") / 2
	items := strings.TrimSuffix(strings.Repeat(`{"create":{"status":201}},`, n), ",")
	return `{"took":1,"errors":false,"items":[` + items + `]}`
}

// got returns what was put, by path.
func (e *elastic) got() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.puts)
}

// bulk returns the documents, each after a line that says where it goes.
func (e *elastic) bulk() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.docs.String()
}

// kibana is a Kibana that keeps what is imported, or refuses it.
type kibana struct {
	*httptest.Server
	refuse bool

	mu      sync.Mutex
	objects []*object // guarded by mu
	faults  []string  // what it was asked and does not know; guarded by mu
}

func newKibana(t testing.TB) *kibana {
	t.Helper()
	k := &kibana{}
	k.Server = httptest.NewServer(k)
	t.Cleanup(k.Close)
	return k
}

// ServeHTTP implements http.Handler.
func (k *kibana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/api/status":
		_, _ = fmt.Fprintf(w, `{"name":"fake","version":{"number":%q,"build_snapshot":false,"build_flavor":"traditional"}}`, version)
	case r.URL.Path == "/api/saved_objects/_import" && k.refuse:
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"statusCode":500,"message":"no"}`)
	case r.URL.Path == "/api/saved_objects/_import":
		if r.URL.Query().Get("overwrite") != "true" || r.Header.Get("kbn-xsrf") == "" {
			k.faults = append(k.faults, "import without overwrite=true or kbn-xsrf")
		}
		n := k.load(r)
		_, _ = fmt.Fprintf(w, `{"success":true,"successCount":%d}`, n)
	default:
		k.faults = append(k.faults, r.Method+" "+r.URL.Path+" is unknown")
		w.WriteHeader(http.StatusNotFound)
	}
}

// imported returns the objects that it has.
func (k *kibana) imported() []*object {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.objects)
}

// wrong returns what it was asked and does not know.
func (k *kibana) wrong() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.faults)
}

// load reads the objects of an import, one on a line. mu must be held.
func (k *kibana) load(r *http.Request) (n int) {
	f, _, err := r.FormFile("file")
	if err != nil {
		k.faults = append(k.faults, err.Error())
		return 0
	}
	for d := json.NewDecoder(f); ; n++ {
		o := &object{}
		err := d.Decode(&o.raw)
		if err == io.EOF {
			return n
		}
		if err == nil {
			err = json.Unmarshal(o.raw, o)
		}
		if err != nil {
			k.faults = append(k.faults, err.Error())
			return n
		}
		k.objects = append(k.objects, o)
	}
}
