package supervisor

import "time"

// hangAfter is how long the process may take for one packet: long enough for the
// largest message on a busy machine.
const hangAfter = 3 * time.Second

// killIfHung kills the process if it takes too long for one packet. Time in which the
// output takes no events does not count.
func (p *process) killIfHung() {
	ticker := time.NewTicker(hangAfter / 10)
	defer ticker.Stop()
	last, since := uint64(0), time.Now()
	for {
		select {
		case <-p.readEnd:
			return
		case <-p.released:
			return
		case <-ticker.C:
		}
		done := p.progress.Done()
		if done != last || done >= p.written.Load() || p.handling.Load() {
			last, since = done, time.Now()
		} else if time.Since(since) > hangAfter {
			p.hung.Store(true)
			_ = p.cmd.Process.Kill()
			return
		}
	}
}
