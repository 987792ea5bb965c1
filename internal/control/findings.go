package control

import (
	"errors"
	"net/http"
	"time"
)

// Findings is a detection. Its methods must be safe for concurrent use.
type Findings interface {
	// Findings returns the latest findings, the newest first.
	Findings() []Finding
	// Dismiss has the destination of a finding learned.
	Dismiss(id string) (Finding, error)
	// Profiles returns what is known of a qube, or of all if its name is "".
	Profiles(qube string) []Profile
	// CheckUse returns how a qube has used a destination.
	CheckUse(qube, destination string) Use
	// ForgetBaseline forgets a qube, or all if its name is "", and returns how many.
	ForgetBaseline(qube string) int
}

// Finding is a finding as the commands show it. Texts are harmless on a terminal.
type Finding struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Qube      string    `json:"qube"`
	Rule      string    `json:"rule"`
	Method    string    `json:"method,omitempty"`
	Level     string    `json:"level"`
	Score     float64   `json:"score"`
	Reason    string    `json:"reason"`
	Evidence  []string  `json:"evidence,omitempty"`
	Names     []string  `json:"names,omitempty"`
	Domain    string    `json:"domain,omitempty"`
	Address   string    `json:"address,omitempty"`
	Port      uint16    `json:"port,omitempty"`
	Dismissed bool      `json:"dismissed,omitempty"`
	Earlier   bool      `json:"earlier,omitempty"` // found in an earlier run, of which no names are kept
}

// Profile is what is known of a qube.
type Profile struct {
	Qube         string    `json:"qube"`
	Learned      bool      `json:"learned"`
	Observations int       `json:"observations"`
	Days         int       `json:"days"`
	Destinations int       `json:"destinations"`
	Ports        int       `json:"ports"`
	Clients      int       `json:"tls_clients"`
	New          float64   `json:"new"` // probability that the next destination is a new one
	First        time.Time `json:"first"`
	Last         time.Time `json:"last"`
}

// Use is how a qube has used a destination.
type Use struct {
	Used  bool      `json:"used"`
	Known bool      `json:"known"`
	Held  bool      `json:"held"` // part of an open finding
	Uses  int       `json:"uses"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// findingRoutes are those of `qubesbeat findings` and `qubesbeat baseline`.
func (s *Server) findingRoutes(answer router) {
	f := s.conf.Findings
	answer("GET /findings", func(*http.Request) (any, error) { return f.Findings(), nil })
	answer("POST /findings/dismiss", func(r *http.Request) (any, error) { return f.Dismiss(r.FormValue("id")) })
	answer("GET /baseline", func(r *http.Request) (any, error) { return f.Profiles(r.FormValue("qube")), nil })
	answer("GET /baseline/check", func(r *http.Request) (any, error) {
		if r.FormValue("qube") == "" || r.FormValue("destination") == "" {
			return nil, errors.New("a check needs a qube and a destination")
		}
		return f.CheckUse(r.FormValue("qube"), r.FormValue("destination")), nil
	})
	answer("POST /baseline/forget", func(r *http.Request) (any, error) {
		return ForgottenBaselines{f.ForgetBaseline(r.FormValue("qube"))}, nil
	})
}

// ForgottenBaselines is the answer to /baseline/forget.
type ForgottenBaselines struct {
	Qubes int `json:"qubes"`
}
