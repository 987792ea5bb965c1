package verify

// heard is when a packet has come last, to the second: a capture from which nothing comes any
// more is not able to judge, and may not say that it is.
type heard struct {
	packets uint64
	at      int64 // own time; 0 for none
}

// look notes that packets have come since the last look. It is called with each sweep, so that
// packets cost nothing.
func (h *heard) look(v *Verifier) {
	s := v.Stats()
	if n := s.Packets + s.Others; n != h.packets {
		h.packets, h.at = n, v.now
	}
}
