package verify

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

var _ control.Verifier = (*Service)(nil) // type check

// serve answers the calls of `qubesbeat verify` until the function that it returns is
// called. Without the socket, verdicts are published all the same.
func (s *Service) serve() (stop func()) {
	server, err := control.Listen(control.Config{Path: SocketPath(s.conf.DataDir), Verifier: s, Guard: s.deps.Guard.Part("verify/control")})
	if err != nil {
		s.deps.Logger.Warn("the socket of the verify commands cannot be made", "error", err.Error())
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(); err != nil {
			s.deps.Logger.Warn("the verify commands are not served", "error", err.Error())
		}
	}()
	return func() {
		if err := server.Close(); err != nil {
			s.deps.Logger.Warn("closing the socket of the verify commands", "error", err.Error())
		}
		<-done
	}
}

// answerWithin is how long a command waits for the verifier.
const answerWithin = 5 * time.Second

// Verdicts implements [control.Verifier].
func (s *Service) Verdicts(ctx context.Context) (v *judge.View, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if e := s.observer.do(ctx, func(verifier *judge.Verifier) { v = verifier.View() }); e != nil {
		return nil, fmt.Errorf("asking the verifier: %w", e)
	}
	return v, nil
}

// Acknowledge implements [control.Verifier].
func (s *Service) Acknowledge(ctx context.Context, check, subject string) (n int, err error) {
	c, ok := judge.CheckByID(check)
	if !ok {
		return 0, fmt.Errorf("there is no check %.20q; `qubesbeat verify explain` lists them", check)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	known := false
	err = s.observer.do(ctx, func(v *judge.Verifier) {
		known = subject == "" || v.Knows(subject)
		n = v.Acknowledge(c, subject)
	})
	if err == nil && !known {
		err = unknownQube(subject)
	}
	return n, err
}

// unknownQube returns the error for a name that no qube has.
func unknownQube(name string) error {
	return fmt.Errorf("no qube is called %.40q here; `qubesbeat status` lists those that are attached", name)
}

// Claim implements [control.Verifier].
func (s *Service) Claim(ctx context.Context, name string, a netip.Addr) error {
	if err := qube.ValidName(name); err != nil {
		return err
	}
	if !geoip.Public(a) {
		return fmt.Errorf("%v is no address under which others can see a qube", a)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s.claiming.Lock()
	defer s.claiming.Unlock()
	var all []judge.External
	known := false
	err := s.observer.do(ctx, func(v *judge.Verifier) {
		if known = v.Knows(name); known {
			v.Claim(name, a, time.Now().UTC())
			all = v.Externals()
		}
	})
	switch {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("no qube is called %.40q; `qubesbeat map` shows those of the inventory", name)
	}
	return s.writeClaims(all)
}
