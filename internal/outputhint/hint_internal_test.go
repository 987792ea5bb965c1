package outputhint

import (
	"strings"
	"testing"
)

// sample is a text that a server or a library has produced, and the output that it came
// from.
type sample struct{ output, text string }

// samples has a text for each row, by the row's outputs and name.
var samples = map[string]sample{
	"elasticsearch: wrong password":                         {es, `401 Unauthorized: {"error":{"root_cause":[{"type":"security_exception","reason":"unable to authenticate user [beat] for REST request [/]"}],"status":401}`},
	"elasticsearch: wrong API key":                          {es, `401 Unauthorized: {"error":{"type":"security_exception","reason":"unable to authenticate with provided credentials and anonymous access is not allowed","header":{"WWW-Authenticate":["ApiKey"]}}}`},
	"elasticsearch: no password":                            {es, `401 Unauthorized: {"error":{"type":"security_exception","reason":"missing authentication credentials for REST request [/]","header":{"WWW-Authenticate":["Basic realm=\"security\""]}},"status":401}`},
	"elasticsearch: not authenticated":                      {es, `401 Unauthorized: <html>authorization required</html>`},
	"elasticsearch: not authenticated at the licence check": {es, `could not connect to a compatible version of Elasticsearch: unauthorized access, could not connect to the xpack endpoint, verify your credentials`},
	"elasticsearch: missing privileges":                     {es, `missing privileges: cluster privilege monitor, index privilege create_doc for qubesbeat-*`},
	"elasticsearch: privilege for new fields":               {es, `{"type":"security_exception","reason":"action [indices:admin/mapping/auto_put] is unauthorized for user [beat] with effective roles [writer] on indices [qubesbeat-9.3.0]"}`},
	"elasticsearch: privilege to index":                     {es, `{"type":"security_exception","reason":"action [indices:data/write/bulk[s]] is unauthorized for user [beat]"}`},
	"elasticsearch: privilege to create the index":          {es, `action [indices:admin/auto_create] is unauthorized for user [beat]`},
	"elasticsearch: privilege for the lifecycle":            {es, `403 Forbidden: action [cluster:admin/ilm/get] is unauthorized for user [beat]`},
	"elasticsearch: privilege to connect":                   {es, `403 Forbidden: {"error":{"reason":"action [cluster:monitor/main] is unauthorized for user [beat] with effective roles [none]"}}`},
	"elasticsearch: OpenSearch":                             {es, `could not connect to a compatible version of Elasticsearch: 400 Bad Request: {"error":{"root_cause":[{"type":"invalid_index_name_exception","reason":"Invalid index name [_license], must not start with '_'."}]}}`},
	"elasticsearch: too old":                                {es, `failed to connect to Elasticsearch: Elasticsearch is too old. Please upgrade the instance. If you would like to connect to older instances set output.elasticsearch.allow_older_versions to true. ES=8.1.0, Beat=9.3.0`},
	"elasticsearch: not compatible":                         {es, `could not connect to a compatible version of Elasticsearch: 503 Service Unavailable`},
	"elasticsearch: two kinds of user":                      {es, `cannot set both api_key and username/password in output.elasticsearch`},
	"elasticsearch: no template":                            {es, `no matching index template found for data stream [mine]`},
	"elasticsearch: overloaded":                             {es, `failed to perform any bulk index operations: 429 Too Many Requests: {"error":{"type":"es_rejected_execution_exception"}}`},
	"elasticsearch: too large":                              {es, `failed to perform any bulk index operations: 413 Request Entity Too Large`},
	"elasticsearch: refused events":                         {es, `Cannot index event (status=400): dropping event! Look at the event log to view the event and cause.`},
	"elasticsearch: TLS needed":                             {es, `Get "http://10.0.0.1:9200": net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01\x00\x02\x02P"`},
	"elasticsearch: no HTTP":                                {es, `Get "http://10.0.0.1:22": net/http: HTTP/1.x transport connection broken: malformed HTTP status code "SSH"; malformed HTTP response "SSH-2.0"`},

	"kafka: wrong password":                {"kafka", `kafka: client has run out of available brokers to talk to: kafka server: SASL Authentication failed`},
	"kafka: mechanism":                     {"kafka", `kafka: client has run out of available brokers to talk to: kafka server: The broker does not support the requested SASL mechanism`},
	"kafka: no topic":                      {"kafka", `Dropping event: no topic could be selected`},
	"kafka: topic not authorized":          {"kafka", `kafka server: The client is not authorized to access topics: [qubes]`},
	"kafka: topic not authorized, by name": {"kafka", `topic qubes: authorization failed`},
	"kafka: invalid topic":                 {"kafka", `kafka server: The request attempted to perform an operation on an invalid topic`},
	"kafka: topic does not exist":          {"kafka", `kafka server: Request was for a topic or partition that does not exist on this broker`},
	"kafka: message too large":             {"kafka", `kafka server: Message was too large, server rejected it to avoid allocation error`},
	"kafka: no leader":                     {"kafka", `kafka server: In the middle of a leadership election, there is currently no leader for this partition and hence it is unavailable for writes`},
	"kafka: advertised address":            {"kafka", `the advertised address: dial tcp 10.9.9.9:9092: connect: connection refused`},

	"redis: wrong password":             {"redis", `WRONGPASS invalid username-password pair or user is disabled.`},
	"redis: wrong password, old server": {"redis", `ERR invalid password`},
	"redis: no password":                {"redis", `NOAUTH Authentication required.`},
	"redis: needless password":          {"redis", `ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?`},
	"redis: wrong type":                 {"redis", `WRONGTYPE Operation against a key holding the wrong kind of value`},
	"redis: not allowed":                {"redis", `NOPERM this user has no permissions to run the 'rpush' command`},
	"redis: protected mode":             {"redis", `DENIED Redis is running in protected mode because protected mode is enabled`},
	"redis: out of memory":              {"redis", `OOM command not allowed when used memory > 'maxmemory'.`},
	"redis: replica":                    {"redis", `READONLY You can't write against a read only replica.`},
	"redis: database":                   {"redis", `ERR DB index is out of range`},
	"redis: loading":                    {"redis", `LOADING Redis is loading the dataset in memory`},

	"logstash: HTTP":          {"logstash", `lumberjack protocol error: an HTTP server answers`},
	"logstash: protocol":      {"logstash", `Failed to publish events caused by: lumberjack protocol error`},
	"logstash: not connected": {"logstash", `failed to publish events: client is not connected`},

	": wrong CA":                         {"logstash", `tls: failed to verify certificate: x509: certificate signed by unknown authority`},
	": wrong CA by fingerprint":          {es, `no CA certificate matching the ca_trusted_fingerprint was found`},
	": certificate without this address": {es, `x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs`},
	": certificate for another name":     {"kafka", `tls: failed to verify certificate: x509: certificate is valid for broker.example, not other.example`},
	": certificate without names":        {"redis", `x509: certificate is not valid for any names, but wanted to match redis.example`},
	": certificate out of date":          {es, `x509: certificate has expired or is not yet valid: current time 2026-11-28T09:00:00Z is after 2026-01-01T00:00:00Z`},
	": no client certificate":            {"logstash", `remote error: tls: certificate required`},
	": bad client certificate":           {"logstash", `remote error: tls: bad certificate`},
	": client certificate of another CA": {"logstash", `remote error: tls: unknown certificate authority`},
	": client certificate out of date":   {"kafka", `remote error: tls: expired certificate`},
	": no common TLS":                    {"redis", `remote error: tls: handshake failure`},
	": TLS version":                      {"kafka", `remote error: tls: protocol version not supported`},
	": key of another certificate":       {"kafka", `tls: private key does not match public key`},
	": TLS wanted":                       {"redis", `EOF: the server speaks TLS`},
	"elasticsearch: HTTPS to HTTP":       {es, `Get "https://10.0.0.1:9200": http: server gave HTTP response to HTTPS client`},
	": no TLS":                           {"kafka", `tls: first record does not look like a TLS handshake`},

	": no TLS, and closed":             {"logstash", `TLS handshake: EOF`},
	": no TLS, and reset":              {"logstash", `TLS handshake: read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer`},
	": refused":                        {"redis", `dial tcp 127.0.0.1:6379: connect: connection refused`},
	": unknown name":                   {"logstash", `lookup logs.invalid: no such host`},
	": no resolver":                    {"logstash", `lookup logs.invalid on 10.139.1.1:53: server misbehaving`},
	": unreachable":                    {es, `dial tcp 192.0.2.1:9200: connect: network is unreachable`},
	": no route":                       {es, `dial tcp 192.0.2.1:9200: connect: no route to host`},
	": no answer after the connection": {"redis", `read tcp 127.0.0.1:50348->127.0.0.1:6391: i/o timeout`},
	": no answer":                      {"kafka", `dial tcp 192.0.2.1:9092: i/o timeout`},
	": no answer in time":              {es, `Get "https://192.0.2.1:9200": context deadline exceeded`},

	"elasticsearch: closed by Elasticsearch": {es, `Get "http://10.0.0.1:9200": EOF`},
	"kafka: closed by Kafka":                 {"kafka", `kafka: client has run out of available brokers to talk to: EOF`},
	"redis: closed by Redis":                 {"redis", `EOF`},
	": reset":                                {"logstash", `read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer`},
	": broken pipe":                          {"logstash", `write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe`},
	": closed":                               {"logstash", `sending an empty window: EOF`},
}

// TestFind finds each row of the table with its text, and no other row.
func TestFind(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, part := range table() {
		for _, r := range part {
			key := strings.Join(r.outputs, " ") + ": " + r.name
			if seen[key] {
				t.Errorf("there are two rows %q", key)
			}
			seen[key] = true
			s, ok := samples[key]
			if !ok {
				t.Errorf("the row %q has no text in this test", key)
				continue
			}
			hint, ok := Find(s.output, s.text)
			if !ok || hint.Name != r.name {
				t.Errorf("Find(%s, %q) = %q, %t; want %q", s.output, s.text, hint.Name, ok, r.name)
			}
			if hint.Cause == "" || hint.Next == "" || strings.Contains(hint.String(), "OUTPUT") || strings.HasSuffix(hint.String(), ".") {
				t.Errorf("%q has an incomplete hint: %s", key, hint)
			}
		}
	}
	for key := range samples {
		if !seen[key] {
			t.Errorf("there is no row for the text of %q", key)
		}
	}
}

// TestFind_unknown gives no hint for what has none, and names the keys of the output
// that it was asked for.
func TestFind_unknown(t *testing.T) {
	t.Parallel()
	for _, s := range []sample{{"kafka", "WRONGPASS invalid"}, {es, ""}, {"redis", "something else"}} {
		if hint, ok := Find(s.output, s.text); ok {
			t.Errorf("Find(%s, %q) = %s; want none", s.output, s.text, hint)
		}
	}
	if hint, _ := Find("redis", "NOAUTH"); hint.Next != "set output.redis.password" {
		t.Errorf("next step = %q", hint.Next)
	}
}
