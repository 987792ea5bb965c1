package clienthello

// Status is the progress of a [TCP] or [QUIC].
type Status uint8

// The values of Status. A stream starts with More and ends with Done or GaveUp.
const (
	More   Status = iota // the ClientHello is not complete yet
	Done                 // Hello returns the ClientHello
	GaveUp               // there will be no Hello; Err returns why
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

// result is the outcome of a stream.
type result struct {
	hello  Hello
	err    error
	status Status
}

// Hello returns the content of the ClientHello. It is the zero value unless the
// status is Done.
func (r *result) Hello() Hello { return r.hello }

// Err returns why the stream gave up, an error wrapping one of the package's
// sentinels. It is nil unless the status is GaveUp.
func (r *result) Err() error { return r.err }

// Status returns what the last Feed returned.
func (r *result) Status() Status { return r.status }

// end sets the outcome: Done, or GaveUp if err is not nil.
func (r *result) end(h Hello, err error) {
	r.hello, r.err, r.status = h, err, Done
	if err != nil {
		r.status = GaveUp
	}
}

// grow returns buf with a length of n, which is at most MaxMessage, or buf if that
// is longer already. The capacity doubles, but never exceeds MaxMessage.
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
