package verify

// sequenced is whether the packets of a file may be out of order, which those of one interface are not. Its zero value
// knows of no interface.
type sequenced struct {
	only    uint32 // the one interface so far, plus one; 0 for none
	several bool   // there are more
	since   int64  // own time of the first packet of another one that was not known of; 0 for none
}

// compare notes an interface. Of another one, packets may come that have left by the first before it was known.
func (v *Verifier) compare(iface uint32) {
	o := &v.sequenced
	if o.several || !v.conf.Unordered {
		return
	}
	another := o.only != 0 && o.only != iface+1
	if another {
		o.since = max(v.now, 1)
	}
	o.several = another || v.conf.World.Several()
	o.only = iface + 1
}

// unordered reports whether packets that leave are to be remembered.
func (v *Verifier) unordered() bool { return v.sequenced.several }

// forgetful reports whether a packet that comes in may have left before packets were remembered.
func (v *Verifier) forgetful() bool {
	return v.sequenced.since != 0 && v.now-v.sequenced.since <= maxReorder
}
