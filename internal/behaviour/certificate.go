package behaviour

import (
	"fmt"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
	"github.com/qubesbeat/qubesbeat/internal/servercert"
)

// How long certificates are valid, in seconds: those that browsers accept for a year, and
// those of any public authority for less than ten. What has expired a month ago is not cared
// for.
const (
	longValidity = 10 * 366 * 24 * 3600
	overdue      = 30 * 24 * 3600
)

// validity returns what is odd about the time for which a certificate is valid, "" if nothing
// is.
func validity(c *servercert.Certificate, now int64) string {
	switch {
	case c.NotAfter-c.NotBefore > longValidity:
		return "it is valid until " + time.Unix(c.NotAfter, 0).UTC().Format("2006-01-02") + ", for more than ten years"
	case now-c.NotAfter > overdue:
		return "it has expired on " + time.Unix(c.NotAfter, 0).UTC().Format("2006-01-02")
	case c.NotBefore-now > overdue:
		return "it is not valid before " + time.Unix(c.NotBefore, 0).UTC().Format("2006-01-02")
	}
	return ""
}

// presented judges a server that vouches for itself, or has a certificate for other names than the
// client asks for: browsers refuse it, and programs of one's
// own and implants do not. That a certificate is valid for decades says nothing alone: some
// services have authorities of their own.
func (e *Engine) presented() {
	o := e.obs
	way, what := "self-signed", "no authority has issued"
	if !o.Certificate.SelfIssued {
		way, what = "other-names", "is for other names"
	}
	if o.Place != World || e.known(baseline.Destination, e.net) || e.skips(TLSOdd, way, e.net) {
		return
	}
	f := &Finding{Rule: TLSOdd, Way: way, Level: Low, Score: 0.5, dest: e.net}
	if odd := validity(o.Certificate, o.At/1e9); odd != "" {
		f.Score += 0.2
		f.Evidence = append(f.Evidence, odd)
	}
	if e.oddities(f) {
		f.Score += 0.1
	}
	f.Reason = fmt.Sprintf("%s uses TLS with %s, whose certificate %s%s", e.who(), e.whom(), what, tail(f.Evidence))
	e.report(f)
}
