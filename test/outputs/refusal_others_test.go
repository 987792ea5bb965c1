package outputs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/pki"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// redis returns the settings of the output.
func redis(address string, more ...string) string {
	return fmt.Sprintf(`output.redis: {%s}`, strings.Join(append([]string{fmt.Sprintf("hosts: [%q], key: all", address)}, more...), ", "))
}

// TestRedis_password wants a password.
func TestRedis_password(t *testing.T) {
	r := servers.StartRedis(t, "--requirepass", servers.Password)
	wantWorks(t, redis(r.Address, "password: "+servers.Password), "key all... OK")
	wantRefused(t, []refusal{
		{"wrong", redis(r.Address, "password: wrong"), "the password is wrong", "check output.redis.password"},
		{"none", redis(r.Address), "the server wants a password, and none is set", "set output.redis.password"},
	})
}

// TestRedis_key has something other than a list where the events should go.
func TestRedis_key(t *testing.T) {
	r := servers.StartRedis(t)
	r.Set(t, "all", "x")
	wantRefused(t, []refusal{
		{"string", redis(r.Address), "the key holds something other than a list", "choose another output.redis.key"},
		{"password", redis(r.Address, "password: needless"), "a password is set, and the server has none", "remove output.redis.password"},
	})
}

// TestRedis_tls wants TLS and a client certificate, and takes every event with both.
func TestRedis_tls(t *testing.T) {
	servers.Require(t)
	ca := pki.New(t)
	r := servers.StartSecureRedis(t, ca)
	client := ca.Client(t)
	pair := fmt.Sprintf("ssl.certificate: %s, ssl.key: %s", client.Certificate, client.Key)
	good := redis(r.Address, trust(ca), pair)
	wantWorks(t, good, "key all... OK")
	mustRun(t, command(t, demo, good, replayDemo(t)...))
	got := tally{}
	for _, e := range r.List(t, "all") {
		got.add(t, []byte(e))
	}
	compare(t, wantDemo(t), got)
	wantRefused(t, []refusal{
		{"wrong CA", redis(r.Address, trust(pki.New(t)), pair), "no CA that the beat trusts", "set output.redis.ssl.certificate_authorities"},
	})
	without := redis(r.Address, trust(ca))
	wantTested(t, refusal{"no client certificate", without, "the server wants a client certificate", "set output.redis.ssl.certificate"})
	wantLine(t, without, "a client certificate") // TLS 1.3: the connection is cut before or after the reason comes
	wantTested(t, refusal{"no TLS", redis(r.Address), "the server speaks TLS, and the beat does not", "set output.redis.ssl.certificate_authorities"})
}

// kafka returns the settings of the output.
func kafka(address string, more ...string) string {
	return fmt.Sprintf(`output.kafka: {%s}`, strings.Join(append([]string{fmt.Sprintf("hosts: [%q], timeout: 5s", address)}, more...), ", "))
}

// TestKafka_refused asks a broker that has no TLS, and ports that have no broker.
func TestKafka_refused(t *testing.T) {
	servers.Require(t)
	k := servers.StartKafka(t)
	r := servers.StartRedis(t)
	ca := pki.New(t)
	wantWorks(t, kafka(k.Address, "topic: qubes"), "topic qubes: does not exist; the broker creates it with the first event")
	mustRun(t, command(t, demo, kafka(k.Address, "topic: qubes"), replayDemo(t)...))
	wantWorks(t, kafka(k.Address, "topic: qubes"), fmt.Sprintf("partitions: %d", servers.Partitions))
	wantWorks(t, kafka(k.Address, "topic: 'q-%{[qube.name]:none}'"), "topic: depends on the event")
	wantRefused(t, []refusal{
		{"no broker", kafka("127.0.0.1:1", "topic: qubes"), "no program listens", "start the server, or check output.kafka.hosts"},
	})
	wantTested(t, refusal{"Redis", kafka(r.Address, "topic: qubes"), "the server takes the connection and does not answer", "check the port in output.kafka.hosts"})
	wantTested(t, refusal{"TLS", kafka(k.Address, "topic: qubes", trust(ca)), "the server ", ""})
	wantTested(t, refusal{"name", kafka(k.Address, "topic: 'a b'"), "the name of the topic has characters", "use letters, digits"})
}

// TestLogstash_refused talks to receivers that want TLS and a client certificate, and to
// what is no receiver.
func TestLogstash_refused(t *testing.T) {
	servers.Require(t)
	ca := pki.New(t)
	g, plain := servers.StartSecureGoLumber(t, ca.ServerConfig(t, true)), servers.StartGoLumber(t)
	client := ca.Client(t)
	logstash := func(address string, more ...string) string {
		return fmt.Sprintf(`output.logstash: {%s}`, strings.Join(append([]string{fmt.Sprintf("hosts: [%q], timeout: 5s", address)}, more...), ", "))
	}
	good := logstash(g.Address, trust(ca), fmt.Sprintf("ssl.certificate: %s, ssl.key: %s", client.Certificate, client.Key))
	wantWorks(t, good, "empty window: taken")
	mustRun(t, command(t, demo, good, replayDemo(t)...))
	got := tally{}
	for _, e := range g.Events() {
		got.add(t, e)
	}
	compare(t, wantDemo(t), got)
	wantWorks(t, logstash(servers.StartCamel(t).Address), "empty window: taken")
	wantRefused(t, []refusal{
		{"wrong CA", logstash(g.Address, trust(pki.New(t))), "no CA that the beat trusts", "set output.logstash.ssl.certificate_authorities"},
		{"no TLS there", logstash(plain.Address, trust(ca)), "the server ", ""},
		{"no TLS here", logstash(g.Address), "the server ", ""},
	})
	without := logstash(g.Address, trust(ca))
	wantTested(t, refusal{"no client certificate", without, "the server wants a client certificate", "set output.logstash.ssl.certificate"})
	wantLine(t, without, "a client certificate") // TLS 1.3: the connection is cut before or after the reason comes
}
