package laptop

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Config describes a laptop and its capture.
type Config struct {
	Start  time.Time     // of the capture, by a clock that is right
	Length time.Duration // of the capture
	Number int           // of the laptop, from 1
	Of     int           // number of laptops
	Visits int           // at least 1, and at most one in [minGap]
	// Disposables is the number of qubes that come and go during the capture.
	Disposables int
}

// minGap is the least time between two visits: a visit is over by then.
const minGap = 50 * time.Millisecond

// maxSkew bounds by how much clocks are wrong, in either direction. It is more than the hour by
// which Kafka lets the time of a message be ahead.
const maxSkew = 90 * time.Minute

// Laptop is one that was made up. It is not changed after [New].
type Laptop struct {
	Name  string
	Skew  time.Duration // of its clock: what it adds to the right time
	Qubes []Qube

	conf Config
}

// Qube is a client of the logging qube.
type Qube struct {
	Name, Class, Label, UUID string
	IP                       netip.Addr
	XID                      int

	// It runs from From to To, which are times since the start of the capture.
	From, To time.Duration
}

// New returns a laptop, always the same one for the same configuration.
func New(c *Config) (*Laptop, error) {
	if c.Visits < 1 || c.Length/time.Duration(c.Visits) < minGap {
		return nil, fmt.Errorf("laptop: %d visits in %v: want at least one, and %v for each", c.Visits, c.Length, minGap)
	}
	if c.Number < 1 || c.Number > c.Of {
		return nil, fmt.Errorf("laptop: number %d of %d", c.Number, c.Of)
	}
	l := &Laptop{Name: fmt.Sprintf("laptop-%03d", c.Number), conf: *c}
	if c.Of > 1 {
		l.Skew = -maxSkew + 2*maxSkew*time.Duration(c.Number-1)/time.Duration(c.Of-1)
	}
	for i, q := range [][2]string{{"work", "blue"}, {"banking", "green"}, {"personal", "yellow"}, {"untrusted", "red"}, {"mail", "blue"}, {"chat", "orange"}} {
		l.add(Qube{Name: q[0], Class: "AppVM", Label: q[1], IP: netip.AddrFrom4([4]byte{10, 137, 0, byte(6 + i)}), XID: 4 + i, To: c.Length})
	}
	l.addDisposables()
	return l, nil
}

// addDisposables adds the qubes that come and go. Their names and addresses are picked as Qubes
// does, from 0 to 9999 and from 10.138.0.0/16.
func (l *Laptop) addDisposables() {
	n := l.conf.Disposables
	rnd := rand.New(rand.NewPCG(uint64(l.conf.Number), 1))
	for i, id := range rnd.Perm(10_000)[:n] {
		// Two run at the same time: each comes when the one before it has half of its time.
		each := l.conf.Length / time.Duration(n+1)
		l.add(Qube{Name: fmt.Sprintf("disp%d", id), Class: "DispVM", Label: "red", IP: netip.AddrFrom4([4]byte{10, 138, byte(id >> 8), byte(id)}),
			XID: 20 + i, From: each * time.Duration(i), To: each * time.Duration(i+2)})
	}
}

// add adds a qube with a UUID that no other laptop has.
func (l *Laptop) add(q Qube) {
	h := sha256.Sum256([]byte(l.Name + "/" + q.Name))
	h[6], h[8] = h[6]&0x0f|0x50, h[8]&0x3f|0x80 // version 5 of RFC 9562
	q.UUID = fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
	l.Qubes = append(l.Qubes, q)
}

// running returns the numbers of the qubes that run throughout a visit.
func (l *Laptop) running(at time.Duration) (all []int) {
	for i, q := range l.Qubes {
		if q.From <= at && at+minGap <= q.To {
			all = append(all, i)
		}
	}
	return all
}

// Visits returns the number of visits in the capture.
func (l *Laptop) Visits() int { return l.conf.Visits }
