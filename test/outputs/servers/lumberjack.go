package servers

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Lumberjack is a receiver of the Logstash output. It writes events into File, one JSON
// object a line.
type Lumberjack struct {
	Process
	Address, File string
}

// StartCamel starts Apache Camel's receiver.
func StartCamel(tb testing.TB) *Lumberjack {
	tb.Helper()
	Require(tb)
	java := javaHome(tb, 17)
	classPath := jars(tb, maven(tb, "lumberjack", java), "")
	home, port := tb.TempDir(), freePort(tb)
	l := &Lumberjack{Address: fmt.Sprintf("127.0.0.1:%d", port), File: filepath.Join(home, "events.ndjson")}
	l.Process = Process{name: "Camel", log: filepath.Join(home, "log"), ready: func() bool { return accepts(port) },
		args: []string{filepath.Join(java, "bin", "java"), "-Xmx256m", "-XX:+UseSerialGC", "-cp", classPath, "Receiver", fmt.Sprint(port), l.File}}
	l.Start(tb)
	return l
}
