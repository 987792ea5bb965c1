package cmd

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"

	"github.com/elastic/beats/v7/libbeat/asset"
	"github.com/elastic/beats/v7/libbeat/common/seccomp"

	"github.com/qubesbeat/qubesbeat"
)

// registerFields gives libbeat the field definitions, which it turns into index
// templates. It wants them compressed; storing them uncompressed in that format
// saves 20 ms of every start.
func registerFields() {
	var packed bytes.Buffer
	w, err := zlib.NewWriterLevel(&packed, zlib.NoCompression)
	if err != nil {
		panic("cmd: " + err.Error()) // the level is a constant
	}
	_, _ = w.Write(qubesbeat.Fields) // a bytes.Buffer takes everything
	_ = w.Close()
	text := base64.StdEncoding.EncodeToString(packed.Bytes())
	_ = asset.SetFields(Name, "fields.yml", asset.BeatFieldsPri, func() string { return text })
}

// allowProfiling adds the system calls of Go's profiler to libbeat's seccomp
// filter, without which --cpuprofile ends in a crash. On an architecture without
// a filter there is nothing to add.
func allowProfiling() {
	_ = seccomp.ModifyDefaultPolicy(seccomp.AddSyscall, "timer_create", "timer_settime", "timer_delete")
}
