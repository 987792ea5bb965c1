package verify

import (
	"context"
	"errors"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/qrexec"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// listen opens the socket of the service that dom0 announces canaries to.
func (s *Service) listen() (*qrexec.Receiver, error) {
	return qrexec.Listen(qrexec.Config{Guard: s.deps.Guard.Part("verify/probes"), Service: probe.Service, Socket: s.conf.Probes.Socket,
		Group: s.conf.Probes.Group, MaxSize: probe.MaxSize, Take: s.take,
		OnError: func(err error) {
			s.deps.Logger.Error("an announcement of canaries was refused", "error", err.Error())
		}})
}

// receive takes announcements until ctx ends, which the function that it returns waits for.
func (s *Service) receive(ctx context.Context) (wait func()) {
	if s.receiver == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.receiver.Run(ctx) // it reports its faults itself
	}()
	return func() { <-done }
}

// take takes what dom0 has sent.
func (s *Service) take(ctx context.Context, data []byte) error {
	a, err := probe.Parse(data)
	if err != nil {
		return err
	}
	return s.Announce(ctx, a)
}

// errNotAnnounced is the error of canaries that were sent, it is said, and are not looked for.
var errNotAnnounced = errors.New("no probe with this nonce runs: its time is over, or the beat was started after it was announced; start again with qubesbeat-probe")

// Announce implements [control.Verifier].
func (s *Service) Announce(ctx context.Context, a *probe.Announcement) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if a.Kind != probe.Sent {
		p, known := probeOf(a, time.Now()), false
		err := s.observer.do(ctx, func(v *judge.Verifier) {
			if known = v.Knows(a.Via); known {
				v.AddProbe(p)
			}
		})
		if err == nil && !known {
			err = unknownQube(a.Via)
		}
		return err
	}
	known := false
	if err := s.observer.do(ctx, func(v *judge.Verifier) { known = v.Sent(a.Nonce) }); err != nil {
		return err
	}
	if !known {
		return errNotAnnounced
	}
	return nil
}

// probeOf returns what the verifier is to look for, from now on.
func probeOf(a *probe.Announcement, now time.Time) judge.Probe {
	p := judge.Probe{Via: a.Via, Client: a.Client, Nonce: a.Nonce, Sizes: a.Sizes, From: now.UnixNano(), Until: now.Add(a.For).UnixNano()}
	if a.Kind == probe.Down {
		p.Kind = judge.ProbeDown
	}
	return p
}
