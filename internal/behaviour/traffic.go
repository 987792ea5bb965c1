package behaviour

// traffic judges what a flow has carried so far.
func (e *Engine) traffic() {
	o := e.obs
	if o.Bypass != "" {
		e.bypass()
	}
	if o.Place == Nowhere {
		return
	}
	if o.TLS != nil && o.Final {
		e.tls()
	}
	e.unanswered()
	if o.Proto == protoICMP || o.Proto == protoICMPv6 {
		e.icmp()
		return
	}
	e.lasting()
	e.goesOn()
	e.long()
	e.direct()
	if o.Final {
		if s := e.series.find(e.keyed(e.net, uint64(o.Port)<<8|uint64(o.Proto))); s != nil {
			s.Size(o.Up)
		}
		e.upload()
		e.probed()
		e.attempt()
		e.hours(o.Up + o.Down)
	}
}

// unanswered notes that a flow has ended without an answer, so that the last contacts of a
// client that then falls silent count.
func (e *Engine) unanswered() {
	if o := e.obs; o.Final && o.DownPackets == 0 {
		e.cur.walk.Answer(e.contact(), true, &e.alarm)
		e.scanned()
	}
}
