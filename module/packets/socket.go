package packets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// Socket returns the path of the socket of `qubesbeat pcap`, in the folder of the store: so
// only those who may read the packets can use it.
func Socket(dir string) string { return filepath.Join(dir, ".control.sock") }

// serveEvery is how often it is looked whether the socket is there.
const serveEvery = 10 * time.Second

// keepServing is serve, again whenever the socket was removed, as it is with the folder of the store. The
// function that it returns waits for its end, which comes with that of ctx.
func (s *Service) keepServing(ctx context.Context) (wait func()) {
	stop := s.serve()
	var done sync.WaitGroup
	done.Go(func() {
		defer func() { stop() }()
		tick := time.NewTicker(serveEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if _, err := os.Lstat(Socket(s.conf.Dir)); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if _, err := os.Stat(s.conf.Dir); err == nil { // else the store makes it first
				stop()
				stop = s.serve()
			}
		}
	})
	return done.Wait
}

// serve answers the calls of `qubesbeat pcap` until the function that it returns is called.
// Without the socket, packets are stored all the same.
func (s *Service) serve() (stop func()) {
	server, err := control.Listen(control.Config{Path: Socket(s.conf.Dir), Packets: s, Guard: s.deps.Guard.Part("packets/control")})
	if err != nil {
		s.deps.Logger.Warn("the socket of the pcap commands cannot be made; they see completed files only", "error", err.Error())
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(); err != nil {
			s.deps.Logger.Warn("the pcap commands are not served", "error", err.Error())
		}
	}()
	return func() {
		if err := server.Close(); err != nil {
			s.deps.Logger.Warn("closing the socket of the pcap commands", "error", err.Error())
		}
		<-done
	}
}

var _ control.Packets = (*Service)(nil) // type check

// checkDir returns an error unless the store can be made in a folder.
func checkDir(dir string) error {
	if _, err := preflight.Dir(dir); err != nil {
		return fmt.Errorf("the store of packets cannot be made: %w", err)
	}
	return nil
}
