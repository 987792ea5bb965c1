package servers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// Elasticsearch is a node with a basic licence.
type Elasticsearch struct {
	Process
	URL string
	// Client is allowed to do everything.
	Client *http.Client
}

// security is the jar of users and TLS, whose services insist on its plugin.
const security = "x-pack-security"

// StartElasticsearch starts a node without users and TLS. Settings are arguments such as
// "indexing_pressure.memory.limit=2500kb".
func StartElasticsearch(tb testing.TB, settings ...string) *Elasticsearch {
	tb.Helper()
	e := &Elasticsearch{Client: http.DefaultClient}
	e.prepare(tb, "http", tb.TempDir(), security, settings)
	e.Start(tb)
	return e
}

// prepare makes the command of a node with its data in home, without the jars whose name
// begins with except.
func (e *Elasticsearch) prepare(tb testing.TB, scheme, home, except string, settings []string) {
	tb.Helper()
	Require(tb)
	requireDisk(tb, home)
	java := javaHome(tb, 21)
	dir, port := maven(tb, "elasticsearch", java), freePort(tb)
	e.URL = fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
	e.Process = Process{name: "Elasticsearch", log: filepath.Join(home, "log"), ready: e.answers, args: append([]string{filepath.Join(java, "bin", "java"),
		"-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+AutoCreateSharedArchive",
		"-XX:SharedArchiveFile=" + filepath.Join(dir, fmt.Sprintf("classes-%t.jsa", except == "")), "--enable-native-access=ALL-UNNAMED",
		"-cp", jars(tb, dir, except), "org.elasticsearch.node.Server", home, fmt.Sprint(port)}, settings...)}
}

// answers reports whether the node is ready.
func (e *Elasticsearch) answers() bool { return e.has("/") }

// has reports whether there is something at a path.
func (e *Elasticsearch) has(path string) bool {
	resp, err := e.Client.Get(e.URL + path)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Do sends a request with a JSON body and reads the answer into v. Either may be nil.
func (e *Elasticsearch) Do(tb testing.TB, method, path string, body, v any) {
	tb.Helper()
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			tb.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(tb.Context(), method, e.URL+path, &in)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.Client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		tb.Fatalf("%s %s: %s (%v)\n%.2000s", method, path, resp.Status, err, text)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			tb.Fatalf("%s %s: %v in %.2000s", method, path, err, text)
		}
	}
}

// Count returns the number of documents in the indices of a pattern.
func (e *Elasticsearch) Count(tb testing.TB, pattern string) int {
	tb.Helper()
	e.Do(tb, http.MethodPost, "/"+pattern+"/_refresh", nil, nil)
	var answer struct{ Count int }
	e.Do(tb, http.MethodGet, "/"+pattern+"/_count", nil, &answer)
	return answer.Count
}

// CountWhere returns the number of documents that a query finds.
func (e *Elasticsearch) CountWhere(tb testing.TB, pattern, query string) int {
	tb.Helper()
	var answer struct{ Count int }
	e.Do(tb, http.MethodGet, "/"+pattern+"/_count?q="+url.QueryEscape(query), nil, &answer)
	return answer.Count
}

// Fields returns the names of all fields of the indices of a pattern, with their types.
func (e *Elasticsearch) Fields(tb testing.TB, pattern string) map[string]string {
	tb.Helper()
	type properties map[string]json.RawMessage
	var answer map[string]struct {
		Mappings struct{ Properties properties }
	}
	e.Do(tb, http.MethodGet, "/"+pattern+"/_mapping", nil, &answer)
	fields := map[string]string{}
	var walk func(prefix string, all properties)
	walk = func(prefix string, all properties) {
		for name, raw := range all {
			var field struct {
				Type       string
				Properties properties
			}
			if err := json.Unmarshal(raw, &field); err != nil {
				tb.Fatal(err)
			}
			if field.Type != "" {
				fields[prefix+name] = field.Type
			}
			walk(prefix+name+".", field.Properties)
		}
	}
	for _, index := range answer {
		walk("", index.Mappings.Properties)
	}
	return fields
}
