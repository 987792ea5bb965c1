package cmd

import (
	"os/signal"
	"syscall"
)

// ignoreSignals ignores the signals that have no meaning here and would end the program:
// a script for another daemon should not cost the qubes their DNS. SIGINT, SIGTERM and
// SIGHUP stop the beat, as every Beat; SIGQUIT prints the stacks of all goroutines and
// ends it.
func ignoreSignals() { signal.Ignore(syscall.SIGUSR1, syscall.SIGUSR2) }
