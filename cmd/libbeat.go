package cmd

import (
	"encoding/base64"

	"github.com/elastic/beats/v7/libbeat/asset"
	"github.com/elastic/beats/v7/libbeat/common/seccomp"

	"github.com/qubesbeat/qubesbeat"
)

// registerFields registers the definitions of our fields with libbeat, for index
// templates and Kibana's index pattern, next to those of packetbeat, which its packages
// register under packetbeat's name.
func registerFields(name string) {
	if name != packetbeatName {
		asset.FieldsRegistry[name] = asset.FieldsRegistry[packetbeatName]
	}
	text := base64.StdEncoding.EncodeToString(qubesbeat.Fields)
	_ = asset.SetFields(name, "qubesbeat", asset.ModuleFieldsPri+1, func() string { return text }) // after those that ours replace
}

// allowSyscalls adds to libbeat's seccomp policy the system calls of the CPU profiler,
// without which --cpuprofile and http.pprof record nothing, that with which the file
// output gives a complete file its name, those of the store of packets, and those with which the analyzer process sets
// its limits, shares memory, drops its capabilities and confines itself, that which loads the program of the shunt, and
// those of the capture's timer.
func allowSyscalls() {
	_ = seccomp.ModifyDefaultPolicy(seccomp.AddSyscall, "timer_create", "timer_settime", "timer_delete", "renameat2",
		"fallocate", "pwritev", "fadvise64", "sync_file_range", "prlimit64", "memfd_create", "setpgid", "capset", "seccomp", "bpf", "timerfd_create", "timerfd_settime")
}
