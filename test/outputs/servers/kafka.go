package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// Kafka is a broker.
type Kafka struct {
	Process
	Address string
}

// clusterID is any id in Kafka's form.
const clusterID = "cXViZXNiZWF0LXRlc3QxMA"

// StartKafka starts a broker without any topic.
func StartKafka(tb testing.TB) *Kafka {
	tb.Helper()
	Require(tb)
	java := javaHome(tb, 17)
	classPath := jars(tb, maven(tb, "kafka", java), "")
	home, port, controller := tb.TempDir(), freePort(tb), freePort(tb)
	common, err := os.ReadFile(fixture.Repository(tb, "test", "outputs", "servers", "kafka", "server.properties"))
	if err != nil {
		tb.Fatal(err)
	}
	conf := filepath.Join(home, "server.properties")
	text := fmt.Sprintf("%scontroller.quorum.voters=1@127.0.0.1:%d\nlisteners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n"+
		"advertised.listeners=PLAINTEXT://127.0.0.1:%d\nlog.dirs=%s\n", common, controller, port, controller, port, filepath.Join(home, "data"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	run := filepath.Join(java, "bin", "java")
	format := exec.CommandContext(tb.Context(), run, "-Xmx256m", "-cp", classPath, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", conf,
		"--ignore-formatted")
	if out, err := format.CombinedOutput(); err != nil {
		tb.Fatalf("formatting Kafka's folder: %v\n%s", err, out)
	}
	k := &Kafka{Address: fmt.Sprintf("127.0.0.1:%d", port)}
	k.Process = Process{name: "Kafka", log: filepath.Join(home, "log"), ready: func() bool { return accepts(port) },
		args: []string{run, "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-cp", classPath, "kafka.Kafka", conf}}
	k.Start(tb)
	return k
}

// Partitions is the number of partitions of a topic.
const Partitions = 3

// Len returns the number of messages in a partition of a topic, 0 if there is no such topic
// yet. kcat is the program of that name.
func (k *Kafka) Len(tb testing.TB, kcat, topic string, partition int) int {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), kcat, "-b", k.Address, "-Q", "-t", fmt.Sprintf("%s:%d:-1", topic, partition)).Output()
	if err != nil {
		return 0
	}
	_, text, _ := strings.Cut(string(out), "offset ")
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		tb.Fatalf("kcat printed %q", out)
	}
	return n
}
