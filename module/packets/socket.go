package packets

import (
	"fmt"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/preflight"
)

// Socket returns the path of the socket of `qubesbeat pcap`, in the folder of the store: so
// only those who may read the packets can use it.
func Socket(dir string) string { return filepath.Join(dir, ".control.sock") }

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
