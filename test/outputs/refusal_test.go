package outputs_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/pki"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// refusal is an output that a server does not take, and the beginnings of the cause and
// the next step, as the beat says them.
type refusal struct{ name, output, cause, next string }

// wantRefused checks that both `test output` and the log of a running beat name the cause
// and the next step.
func wantRefused(t *testing.T, all []refusal) {
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			wantTested(t, r)
			wantLogged(t, r)
		})
	}
}

// wantTested checks `test output`, which must fail.
func wantTested(t *testing.T, r refusal) {
	t.Helper()
	res := command(t, demo, r.output, "test", "output").Run(t, runTime)
	if res.Code != 1 || !strings.Contains(res.Stdout, "cause: "+r.cause) || !strings.Contains(res.Stdout, "next step: "+r.next) {
		t.Errorf("test output: exit status %d; want 1, %q and %q in\n%s%s", res.Code, r.cause, r.next, res.Stdout, res.Stderr)
	}
}

// wantLogged checks the log of a replay, which waits for the output.
func wantLogged(t *testing.T, r refusal) {
	t.Helper()
	wantLine(t, r.output, ": "+r.cause, `"next_step":"`+r.next)
}

// wantLine checks that the log of a replay has a line about the output with all words.
func wantLine(t *testing.T, output string, words ...string) {
	t.Helper()
	b := command(t, demo, output, replayDemo(t)...).Launch(t)
	defer b.Kill()
	has := func() bool {
		for line := range strings.Lines(b.Log()) {
			if strings.Contains(line, `"log.logger":"output"`) && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return true
			}
		}
		return false
	}
	if !poll.Within(time.Minute, has) {
		t.Errorf("the log does not say %q:\n%s", words, b.Log())
	}
}

// wantWorks checks that `test output` succeeds.
func wantWorks(t *testing.T, output, line string) {
	t.Helper()
	res := command(t, demo, output, "test", "output").Run(t, runTime)
	if res.Code != 0 || !strings.Contains(res.Stdout, line) {
		t.Errorf("test output: exit status %d; want 0 and %q in\n%s%s", res.Code, line, res.Stdout, res.Stderr)
	}
}

// as returns the settings of a user.
func as(user, password string) string {
	return fmt.Sprintf("username: %s, password: %s", user, password)
}

// trust returns the setting of a CA.
func trust(ca *pki.Authority) string {
	return fmt.Sprintf("ssl.certificate_authorities: [%s]", ca.CA)
}

// TestElasticsearch_users indexes as the user whom the documents describe, and says what
// is wrong with all others.
func TestElasticsearch_users(t *testing.T) {
	servers.Require(t)
	ca := pki.New(t)
	es := servers.StartSecureElasticsearch(t, ca, "none")
	mustRun(t, command(t, demo, elasticsearch(es.URL, as(servers.Admin, servers.Password), trust(ca)), "setup", "--index-management"))
	writer := elasticsearch(es.URL, as(servers.Writer, servers.Password), trust(ca))
	wantWorks(t, writer, "privileges... OK")
	mustRun(t, command(t, demo, writer, replayDemo(t)...))
	compare(t, wantDemo(t), search(t, es, "qubesbeat-*"))
	const users = "check output.elasticsearch.username and output.elasticsearch.password"
	plain := strings.Replace(es.URL, "https:", "http:", 1)
	wantRefused(t, []refusal{
		{"wrong password", elasticsearch(es.URL, as(servers.Writer, "wrong"), trust(ca)), "the server knows no such user, or the password is wrong", users},
		{"no password", elasticsearch(es.URL, trust(ca)), "the server wants a user, and none is set", "set output.elasticsearch.username"},
		{"wrong key", elasticsearch(es.URL, "api_key: 'a:b'", trust(ca)), "the server refuses the API key", "check output.elasticsearch.api_key"},
		{"no privilege", elasticsearch(es.URL, as(servers.Powerless, servers.Password), trust(ca)), "the user exists, and lacks a privilege", "give its role the cluster privileges monitor"},
		{"wrong CA", elasticsearch(es.URL, as(servers.Writer, servers.Password), trust(pki.New(t))), "no CA that the beat trusts", "set output.elasticsearch.ssl.certificate_authorities"},
		{"no TLS", elasticsearch(plain, as(servers.Writer, servers.Password)), "the server ", ""},
	})
	wantTested(t, refusal{"few privileges", elasticsearch(es.URL, as(servers.Narrow, servers.Password), trust(ca)), "the user's role lacks what the error names", "give its role"})
}

// TestElasticsearch_client_certificate wants a certificate of clients.
func TestElasticsearch_client_certificate(t *testing.T) {
	servers.Require(t)
	ca := pki.New(t)
	es := servers.StartSecureElasticsearch(t, ca, "required")
	client := ca.Client(t)
	pair := fmt.Sprintf("ssl.certificate: %s, ssl.key: %s", client.Certificate, client.Key)
	wantWorks(t, elasticsearch(es.URL, as(servers.Writer, servers.Password), trust(ca), pair), "privileges... OK")
	wantRefused(t, []refusal{{"none", elasticsearch(es.URL, as(servers.Writer, servers.Password), trust(ca)),
		"the server wants a client certificate", "set output.elasticsearch.ssl.certificate"}})
}

// TestElasticsearch_overloaded sends again what the server has no memory for: every event
// arrives, and none twice.
func TestElasticsearch_overloaded(t *testing.T) {
	es := servers.StartElasticsearch(t, "indexing_pressure.memory.limit=900kb")
	setup(t, es.URL)
	r := mustRun(t, command(t, onlyFlows, elasticsearch(es.URL, "worker: 4", "bulk_max_size: 400"), "-t", "-I", flood(t, manyFlows)))
	if !strings.Contains(r.Stderr, "429 Too Many Requests") || strings.Count(r.Stderr, "output.elasticsearch: the server is overloaded") != 1 {
		t.Errorf("the server was never overloaded, or the log does not say so once:\n%.3000s", r.Stderr)
	}
	es.Count(t, "qubesbeat-*")
	if got := es.CountWhere(t, "qubesbeat-*", "type:flow"); got != manyFlows {
		t.Errorf("%d documents; want %d", got, manyFlows)
	}
}

// TestElasticsearch_refused_events names the file in which the refused events are.
func TestElasticsearch_refused_events(t *testing.T) {
	es := servers.StartElasticsearch(t)
	es.Do(t, http.MethodPut, "/strict", map[string]any{"mappings": map[string]any{"dynamic": "strict"}}, nil)
	c := command(t, demo, elasticsearch(es.URL, "index: strict")+"\nsetup.template.enabled: false\nsetup.ilm.enabled: false", replayDemo(t)...)
	r := c.Run(t, runTime)
	m := regexp.MustCompile(`the refused events, and why, are in: (.*)`).FindStringSubmatch(r.Stderr)
	if r.Code != 1 || m == nil || !strings.Contains(r.Stderr, `"refused_events":"`+m[1]+`"`) {
		t.Fatalf("exit status %d; want 1, and the files' names in the log and the summary:\n%s", r.Code, r.Stderr)
	}
	files, _ := filepath.Glob(m[1])
	if len(files) != 1 {
		t.Fatalf("%s are %q; want one", m[1], files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !bytes.Contains(text, []byte("strict_dynamic_mapping_exception")) {
		t.Errorf("%s (%v) has no reason:\n%.1000s", files[0], err, text)
	}
}
