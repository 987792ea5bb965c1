package verify_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// without is a piece of evidence, and what a check is when it is taken away.
type without struct {
	name string
	take func(*lab)
	want string
}

// wantWithout plays what a check passes for, and takes the pieces away one by one.
func wantWithout(t *testing.T, subject, check string, play func(*lab), pieces []without) {
	t.Helper()
	for _, p := range pieces {
		t.Run(p.name, func(t *testing.T) {
			l := newLab(t)
			play(l)
			p.take(l)
			if got := l.got(subject, check); got != p.want {
				t.Errorf("%s without %s is %s; want %s", check, p.name, got, p.want)
			}
		})
	}
}

// again begins with a verifier that has seen nothing, and one packet that says nothing.
func (l *lab) again(iface uint32, src string) {
	l.v = verify.New(verify.Config{World: l})
	l.apply()
	l.ping(iface, src, "10.137.0.5", 64)
}
