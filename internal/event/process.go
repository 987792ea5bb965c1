package event

import "time"

// Process is a process of this machine behind one side of a connection. Fields
// that could not be read are empty.
type Process struct {
	PID, PPID  int
	Name       string // or the name that the configuration gives it
	Args       []string
	Executable string
	Directory  string // that it works in
	Start      time.Time
}
