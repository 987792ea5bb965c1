package outputcheck_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/licenser"
	"github.com/elastic/beats/v7/libbeat/outputs/elasticsearch"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	v2 "github.com/elastic/go-lumber/server/v2"

	"github.com/qubesbeat/qubesbeat/cmd/outputcheck"
	"github.com/qubesbeat/qubesbeat/internal/testbed/pki"
)

func TestMain(m *testing.M) {
	// As libbeat does for every beat.
	if _, err := elasticsearch.RegisterGlobalCallback(licenser.FetchAndVerify); err != nil {
		panic(err)
	}
	m.Run()
}

// run tests an output and returns what is printed.
func run(t *testing.T, output, settings string) (string, error) {
	t.Helper()
	c, err := conf.NewConfigWithYAML([]byte(settings), "test")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	info := beat.Info{Beat: "qubesbeat", IndexPrefix: "qubesbeat", Version: "9.3.0", Logger: logp.NewNopLogger()}
	err = outputcheck.Run(info, output, c, &out)
	return out.String(), err
}

// wantFailure checks that the test of an output fails, and says why and what to do.
func wantFailure(t *testing.T, output, settings, cause, next string) {
	t.Helper()
	out, err := run(t, output, settings)
	if !errors.Is(err, outputcheck.ErrFailed) || !strings.Contains(out, "ERROR") {
		t.Fatalf("Run = %v; want ErrFailed\n%s", err, out)
	}
	for _, want := range []string{"cause: " + cause, "next step: " + next} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// wantSuccess checks that the test of an output succeeds and prints a line.
func wantSuccess(t *testing.T, output, settings, line string) {
	t.Helper()
	out, err := run(t, output, settings)
	if err != nil || !strings.Contains(out, line) {
		t.Errorf("Run = %v; want %q in\n%s", err, line, out)
	}
}

// lumberjack starts a receiver; c may be nil.
func lumberjack(t *testing.T, c *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if c != nil {
		l = tls.NewListener(l, c)
	}
	s, err := v2.NewWithListener(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// closer starts a server that closes each connection after it has read something.
func closer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 64))
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// TestRun_logstash tells receivers from what is none, with and without TLS.
func TestRun_logstash(t *testing.T) {
	t.Parallel()
	ca, other := pki.New(t), pki.New(t)
	plain, secure, mutual := lumberjack(t, nil), lumberjack(t, ca.ServerConfig(t, false)), lumberjack(t, ca.ServerConfig(t, true))
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	client, foreign := ca.Client(t), other.Client(t)
	with := func(host string, ssl ...string) string {
		return fmt.Sprintf(`{hosts: ["%s"], timeout: 5s, ssl: {%s}}`, host, strings.Join(ssl, ", "))
	}
	trust := "certificate_authorities: [" + ca.CA + "]"
	pair := fmt.Sprintf("certificate: %s, key: %s", client.Certificate, client.Key)
	without := func(host string) string { return fmt.Sprintf(`{hosts: ["%s"], timeout: 5s}`, host) }
	const set, taken = "set output.logstash.ssl.", "empty window: taken"
	for _, tt := range []struct{ name, settings, cause, next string }{
		{"plain", without(plain), "", taken + "; what is not Logstash's protocol is refused"},
		{"TLS", with(secure, trust), "", taken},
		{"client certificate", with(mutual, trust, pair), "", taken},
		{"no TLS with TLS", without(secure), "the server speaks TLS, and the beat does not", set + "certificate_authorities"},
		{"no TLS with client certificates", without(mutual), "the server speaks TLS, and the beat does not", set + "certificate_authorities"},
		{"no client certificate", with(mutual, trust), "the server wants a client certificate", set + "certificate and output.logstash.ssl.key"},
		{"foreign client certificate", with(mutual, trust, fmt.Sprintf("certificate: %s, key: %s", foreign.Certificate, foreign.Key)),
			"the server does not trust the CA of the client certificate", "use a certificate in output.logstash.ssl.certificate"},
		{"wrong CA", with(secure, "certificate_authorities: ["+other.CA+"]"), "no CA that the beat trusts", set + "certificate_authorities"},
		{"TLS with no TLS", with(plain, trust), "the server closes the connection at the first message of TLS", "remove output.logstash.ssl"},
		{"HTTP", without(strings.TrimPrefix(web.URL, "http://")), "an HTTP server", "check the port in output.logstash.hosts"},
		{"closed", without(closer(t)), "the server closes the connection", "check the port"},
		{"no server", without("127.0.0.1:1"), "no program listens", "start the server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.cause == "" {
				wantSuccess(t, "logstash", tt.settings, tt.next)
				return
			}
			wantFailure(t, "logstash", tt.settings, tt.cause, tt.next)
		})
	}
}

// TestRun_hosts tests every host, also after one that fails.
func TestRun_hosts(t *testing.T) {
	t.Parallel()
	good := lumberjack(t, nil)
	out, err := run(t, "logstash", fmt.Sprintf(`{hosts: ["127.0.0.1:1", "%s"], timeout: 5s}`, good))
	if !errors.Is(err, outputcheck.ErrFailed) || !strings.Contains(out, "logstash: "+good) || !strings.Contains(out, "empty window: taken") {
		t.Errorf("Run = %v\n%s", err, out)
	}
}

// cluster is a server that passes for Elasticsearch.
type cluster struct {
	root, license, privileges func(w http.ResponseWriter)
}

// say returns a handler that answers a text.
func say(status int, text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// good is a cluster that takes events.
func good() cluster {
	return cluster{say(200, `{"version":{"number":"9.3.0"}}`), say(200, `{"license":{"uid":"x","type":"basic","status":"active"}}`),
		say(200, `{"cluster":{"monitor":true},"index":{"qubesbeat-*":{"create_doc":true}}}`)}
}

// ServeHTTP implements [http.Handler].
func (c cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	switch r.URL.Path {
	case "/":
		c.root(w)
	case "/_license":
		c.license(w)
	case "/_security/user/_has_privileges":
		c.privileges(w)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestRun_elasticsearch says what a cluster refuses.
func TestRun_elasticsearch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		change      func(*cluster)
		cause, next string
	}{
		{"password", func(c *cluster) {
			c.root = say(401, `{"error":{"reason":"unable to authenticate user [beat] for REST request [/]"}}`)
		}, "the server knows no such user, or the password is wrong", "check output.elasticsearch.username"},
		{"no monitor", func(c *cluster) {
			c.root = say(403, `{"error":{"reason":"action [cluster:monitor/main] is unauthorized for user [beat]"}}`)
		}, "the user exists, and lacks a privilege", "give its role the cluster privileges monitor"},
		{"OpenSearch", func(c *cluster) {
			c.license = say(400, `{"error":{"reason":"Invalid index name [_license], must not start with '_'."}}`)
		}, "the server has no Elasticsearch licence", "use output.kafka or output.logstash"},
		{"privileges", func(c *cluster) {
			c.privileges = say(200, `{"cluster":{"monitor":true,"read_ilm":false},"index":{"qubesbeat-*":{"create_doc":false}}}`)
		}, "the user's role lacks what the error names", "give its role"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := good()
			tt.change(&c)
			s := httptest.NewServer(c)
			t.Cleanup(s.Close)
			wantFailure(t, "elasticsearch", fmt.Sprintf(`{hosts: ["%s"], backoff.init: 1ms}`, s.URL), tt.cause, tt.next)
		})
	}
}

// TestRun_elasticsearch_tls says which side lacks TLS.
func TestRun_elasticsearch_tls(t *testing.T) {
	t.Parallel()
	ca := pki.New(t)
	plain, secure := httptest.NewServer(good()), httptest.NewUnstartedServer(good())
	secure.TLS = ca.ServerConfig(t, false)
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	with := func(url string) string {
		return fmt.Sprintf(`{hosts: ["%s"], backoff.init: 1ms, ssl.certificate_authorities: [%s]}`, url, ca.CA)
	}
	wantSuccess(t, "elasticsearch", with(plain.URL), "privileges... OK")
	wantSuccess(t, "elasticsearch", with(secure.URL), "privileges... OK")
	wantFailure(t, "elasticsearch", with(strings.Replace(plain.URL, "http:", "https:", 1)), "the server speaks no TLS", "remove output.elasticsearch.ssl (for Elasticsearch write http://")
}

// TestRun_escapes lets no control character of a server through.
func TestRun_escapes(t *testing.T) {
	t.Parallel()
	c := good()
	c.root = say(500, "\x1b]0;owned\a")
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	out, _ := run(t, "elasticsearch", fmt.Sprintf(`{hosts: ["%s"], backoff.init: 1ms}`, s.URL))
	if strings.Contains(out, "\x1b]") || !strings.Contains(out, `\u001b]0;owned`) {
		t.Errorf("printed %q", out)
	}
}
