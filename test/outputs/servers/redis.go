package servers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/pki"
)

// Redis is a server that keeps what it was given after it was killed.
type Redis struct {
	Process
	Address string

	client []string // arguments of redis-cli
}

// StartRedis starts a server without TLS. Settings are more arguments.
func StartRedis(tb testing.TB, settings ...string) *Redis {
	tb.Helper()
	return startRedis(tb, "--port", nil, settings)
}

// StartSecureRedis starts a server that speaks TLS only, and wants a client certificate.
func StartSecureRedis(tb testing.TB, ca *pki.Authority) *Redis {
	tb.Helper()
	server, client := ca.Server(tb), ca.Client(tb)
	return startRedis(tb, "--tls-port", []string{"--tls", "--cacert", ca.CA, "--cert", client.Certificate, "--key", client.Key},
		[]string{"--port", "0", "--tls-cert-file", server.Certificate, "--tls-key-file", server.Key, "--tls-ca-cert-file", ca.CA})
}

// startRedis starts a server whose port is the argument after portFlag. Client are what
// redis-cli needs to talk to it.
func startRedis(tb testing.TB, portFlag string, client, settings []string) *Redis {
	tb.Helper()
	Require(tb)
	server := program(tb, "redis-server", "apt-get install redis-server")
	home, port := tb.TempDir(), freePort(tb)
	r := &Redis{Address: fmt.Sprintf("127.0.0.1:%d", port), client: client}
	r.Process = Process{name: "Redis", log: filepath.Join(home, "log"), ready: func() bool { return accepts(port) },
		args: append([]string{server, portFlag, fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
			"--appendfsync", "always", "--dir", home}, settings...)}
	r.Start(tb)
	return r
}

// cli returns what redis-cli prints, line by line.
func (r *Redis) cli(tb testing.TB, args ...string) []string {
	tb.Helper()
	_, port, _ := strings.Cut(r.Address, ":")
	out, err := exec.CommandContext(tb.Context(), program(tb, "redis-cli", "apt-get install redis-tools"),
		slices.Concat(r.client, []string{"-p", port, "--raw"}, args)...).Output()
	if err != nil {
		tb.Fatalf("redis-cli %q: %v", args, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// Set stores a text under a key.
func (r *Redis) Set(tb testing.TB, key, value string) {
	tb.Helper()
	r.cli(tb, "SET", key, value)
}

// Keys returns the keys of a pattern.
func (r *Redis) Keys(tb testing.TB, pattern string) []string {
	tb.Helper()
	return r.cli(tb, "KEYS", pattern)
}

// List returns the elements of a list.
func (r *Redis) List(tb testing.TB, key string) []string {
	tb.Helper()
	return r.cli(tb, "LRANGE", key, "0", "-1")
}

// Len returns the length of a list.
func (r *Redis) Len(tb testing.TB, key string) int {
	tb.Helper()
	n, err := strconv.Atoi(r.cli(tb, "LLEN", key)[0])
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
