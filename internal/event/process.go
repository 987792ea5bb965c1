package event

import "time"

// Process is a process of this machine at one end of a connection. Fields that
// could not be read are empty.
type Process struct {
	PID, PPID  int
	Name       string   // of the executable, unless the configuration gives it another
	Args       []string // command line
	Executable string   // path
	Directory  string   // current working directory
	Start      time.Time
}
