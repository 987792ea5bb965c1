package ecs

import "github.com/qubesbeat/qubesbeat/internal/event"

// Process writes a process under packetbeat's names, nothing if p is nil.
func Process(w event.Writer, p *event.Process) {
	if p == nil {
		return
	}
	w.Begin("process")
	w.Uint("pid", uint64(p.PID))
	w.String("name", p.Name)
	w.Strings("args", p.Args...)
	w.Uint("ppid", uint64(p.PPID))
	w.String("executable", p.Executable)
	w.Time("start", p.Start.UnixNano())
	event.Optional(w, "working_directory", p.Directory)
	w.End()
}
