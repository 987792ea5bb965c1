package clienthello

// Status is how far a [TCP] or [QUIC] has come.
type Status uint8

// The states. A stream starts with More and ends with Done or GaveUp.
const (
	More   Status = iota // nothing wrong so far, but the ClientHello is not whole
	Done                 // Hello has the ClientHello
	GaveUp               // there will be no Hello; Err says why
)

// String returns the name of s in lower case.
func (s Status) String() string {
	switch s {
	case More:
		return "more"
	case Done:
		return "done"
	case GaveUp:
		return "gave up"
	}
	return "unknown"
}

// result is how a stream ended.
type result struct {
	hello  Hello
	err    error
	status Status
}

// Hello returns what the ClientHello says. It is the zero value unless the status
// is Done.
func (r *result) Hello() Hello { return r.hello }

// Err returns why the stream gave up, an error wrapping one of those of this
// package. It is nil unless the status is GaveUp.
func (r *result) Err() error { return r.err }

// Status returns what the last Feed returned.
func (r *result) Status() Status { return r.status }

// end sets the outcome of parsing.
func (r *result) end(h Hello, err error) {
	r.hello, r.err, r.status = h, err, Done
	if err != nil {
		r.status = GaveUp
	}
}

// grow returns buf with length n, at most MaxMessage. Its capacity doubles, but
// never passes MaxMessage.
func grow(buf []byte, n int) []byte {
	if n <= len(buf) {
		return buf
	}
	if n <= cap(buf) {
		return buf[:n]
	}
	bigger := make([]byte, n, max(n, min(2*cap(buf), MaxMessage)))
	copy(bigger, buf)
	return bigger
}
