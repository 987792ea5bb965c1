package finding

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/detect"
)

// Socket returns the path of the socket of `qubesbeat findings` and `qubesbeat baseline`,
// in path.data.
func Socket(dir string) string { return filepath.Join(dir, "detect.sock") }

// serve answers the calls of the commands until the function that it returns is called.
func (s *Service) serve() (stop func()) {
	if !s.conf.Live || s.conf.DataDir == "" {
		return func() {}
	}
	server, err := control.Listen(control.Config{Path: Socket(s.conf.DataDir), Findings: s, Guard: s.deps.Guard.Part("detect/control")})
	if err != nil {
		s.deps.Logger.Warn("the socket of the commands findings and baseline cannot be made", "error", err.Error())
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(); err != nil {
			s.deps.Logger.Warn("the commands findings and baseline are not served", "error", err.Error())
		}
	}()
	return func() {
		if err := server.Close(); err != nil {
			s.deps.Logger.Warn("closing the socket of the commands findings and baseline", "error", err.Error())
		}
		<-done
	}
}

var _ control.Findings = (*Service)(nil) // type check

// Findings implements [control.Findings].
func (s *Service) Findings() []control.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]control.Finding, 0, len(s.recent.list))
	for t := range s.recent.all() {
		list = append(list, t.shown())
	}
	return list
}

// Dismiss implements [control.Findings].
func (s *Service) Dismiss(id string) (control.Finding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.recent.all() {
		if t.id == id {
			s.engine.Dismiss(&t.Finding)
			t.dismissed = true
			s.save()
			return t.shown(), nil
		}
	}
	return control.Finding{}, fmt.Errorf("there is no finding %q; `qubesbeat findings` lists the latest", id)
}

// Profiles implements [control.Findings].
func (s *Service) Profiles(subject string) (list []control.Profile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.engine.Profiles(subject) {
		list = append(list, profileOf(&p))
	}
	return list
}

// profileOf returns a profile as the commands show it.
func profileOf(p *behaviour.Profile) control.Profile {
	return control.Profile{Qube: p.Subject, Learned: p.Learned, Observations: p.Observations, Days: p.Days, Destinations: p.Destinations, Ports: p.Ports,
		Clients: p.Clients, New: p.Missing, First: time.Unix(0, p.First).UTC(), Last: time.Unix(0, p.Last).UTC()}
}

// CheckUse implements [control.Findings].
func (s *Service) CheckUse(subject, destination string) control.Use {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := netip.ParseAddr(destination); err != nil {
		destination = detect.Destination(destination)
	}
	u, used := s.engine.Check(subject, destination)
	if !used {
		return control.Use{}
	}
	return control.Use{Used: true, Known: u.Known, Held: u.Held, Uses: u.Uses, First: time.Unix(0, u.First).UTC(), Last: time.Unix(0, u.Last).UTC()}
}

// ForgetBaseline implements [control.Findings].
func (s *Service) ForgetBaseline(subject string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.engine.Forget(subject)
	s.save()
	return n
}
