package flow

// Salvage reports every live flow for the last time, from a table that may be
// inconsistent because of a panic: it follows no links between entries, which may
// form a loop. Stats().Live is how many flows could not be reported. If Salvage
// panics itself, it may be called again for the rest; nothing else but Stats may be
// called afterwards.
func (t *Table) Salvage(reason Reason) {
	for i := range t.entries.used {
		e := t.entries.at(i)
		if e.slot < 0 || e.touched == 0 { // free, or the panic came before it was filled in
			continue
		}
		if e.place != 0 {
			t.unshunt(e)
		}
		e.slot = -1
		t.entries.live--
		if reported := e.is(reported) && e.packets == [2]uint64{}; !reported || t.cfg.Delta {
			t.report(e, e.endReason(reason))
		}
	}
}
