package cmd

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"

	"github.com/elastic/beats/v7/libbeat/asset"
	"github.com/elastic/beats/v7/libbeat/common/seccomp"

	"github.com/qubesbeat/qubesbeat"
)

// registerFields gives libbeat the definitions of our fields, for index
// templates and Kibana's index pattern, beside those of packetbeat, which its
// packages have registered under its name.
func registerFields(name string) {
	if name != packetbeatName {
		asset.FieldsRegistry[name] = asset.FieldsRegistry[packetbeatName]
	}
	var packed bytes.Buffer
	w, err := zlib.NewWriterLevel(&packed, zlib.NoCompression)
	if err != nil {
		panic("cmd: " + err.Error()) // the level is a constant
	}
	_, _ = w.Write(qubesbeat.Fields) // a bytes.Buffer takes everything
	_ = w.Close()
	text := base64.StdEncoding.EncodeToString(packed.Bytes())
	_ = asset.SetFields(name, "qubesbeat", asset.ModuleFieldsPri, func() string { return text })
}

// allowSyscalls adds to libbeat's system call filter what the CPU profiler needs,
// without which --cpuprofile and http.pprof record nothing, and what the process
// of the analyzers needs: its limits, the memory that it shares, and to give up its
// capabilities.
func allowSyscalls() {
	_ = seccomp.ModifyDefaultPolicy(seccomp.AddSyscall, "timer_create", "timer_settime", "timer_delete",
		"prlimit64", "memfd_create", "setpgid", "capset")
}
