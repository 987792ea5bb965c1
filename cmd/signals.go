package cmd

import (
	"os/signal"
	"syscall"
)

// ignoreSignals ignores the signals that have no meaning here and would end the program:
// a script for another daemon should not cost the qubes their DNS. SIGINT and SIGTERM stop
// the beat, as every Beat; so does SIGHUP in a replay and under a terminal, while
// elsewhere it completes the file of the events ([publish.Rotator]). SIGQUIT prints the
// stacks of all goroutines and ends it.
func ignoreSignals() { signal.Ignore(syscall.SIGUSR1, syscall.SIGUSR2) }
