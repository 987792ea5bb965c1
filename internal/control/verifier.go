package control

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// Verifier is a part that verifies. Its methods must be safe for concurrent use.
type Verifier interface {
	// Verdicts returns all verdicts.
	Verdicts(ctx context.Context) (*verify.View, error)
	// Acknowledge ends the fails of a check, of all subjects if subject is "", and returns
	// how many there were.
	Acknowledge(ctx context.Context, check, subject string) (fails int, err error)
	// Claim notes the address under which a qube says that others see it.
	Claim(ctx context.Context, qube string, a netip.Addr) error
	// Announce takes an announcement of canaries, as dom0 makes them.
	Announce(ctx context.Context, a *probe.Announcement) error
}

// Acknowledged is the answer to /verify/ack.
type Acknowledged struct {
	Fails int `json:"fails"`
}

// verifierRoutes are those of `qubesbeat verify`.
func (s *Server) verifierRoutes(answer router) {
	answer("GET /verify", func(r *http.Request) (any, error) { return s.conf.Verifier.Verdicts(r.Context()) })
	answer("POST /verify/ack", func(r *http.Request) (any, error) {
		n, err := s.conf.Verifier.Acknowledge(r.Context(), r.FormValue("check"), r.FormValue("subject"))
		return Acknowledged{Fails: n}, err
	})
	answer("POST /verify/claim", func(r *http.Request) (any, error) {
		a, err := netip.ParseAddr(r.FormValue("address"))
		if err != nil {
			return nil, err
		}
		return struct{}{}, s.conf.Verifier.Claim(r.Context(), r.FormValue("qube"), a)
	})
	answer("POST /verify/probe", func(r *http.Request) (any, error) {
		a, err := probe.Parse([]byte(r.FormValue("announcement")))
		if err != nil {
			return nil, err
		}
		return struct{}{}, s.conf.Verifier.Announce(r.Context(), a)
	})
}
