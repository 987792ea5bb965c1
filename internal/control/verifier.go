package control

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// Verifier is a part that verifies. Its methods must be safe for concurrent use.
type Verifier interface {
	// Verdicts returns all verdicts.
	Verdicts(ctx context.Context) (*verify.View, error)
	// Acknowledge ends the fails of a check, of all subjects if subject is "", and returns
	// how many there were.
	Acknowledge(ctx context.Context, check, subject string) (fails int, err error)
	// Probe announces the canaries of a probe.
	Probe(ctx context.Context, p verify.Probe) error
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
	answer("POST /verify/probe", func(r *http.Request) (any, error) {
		var p verify.Probe
		if err := json.Unmarshal([]byte(r.FormValue("probe")), &p); err != nil {
			return nil, err
		}
		return struct{}{}, s.conf.Verifier.Probe(r.Context(), p)
	})
}
