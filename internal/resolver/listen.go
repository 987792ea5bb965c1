package resolver

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// listen opens the sockets and starts those who read them.
func (s *Resolver) listen(all *sync.WaitGroup) (closers []io.Closer, err error) {
	for _, a := range s.conf.Listen {
		for range s.conf.Readers {
			r, err := s.newReader(a)
			if err != nil {
				return closers, listenError("udp", a, err)
			}
			closers = append(closers, r.conn)
			all.Go(r.run)
		}
		var lc net.ListenConfig
		network := "tcp4" // "tcp" would take both families for 0.0.0.0
		if a.Addr().Is6() {
			network = "tcp6"
		}
		l, err := lc.Listen(context.Background(), network, a.String())
		if err != nil {
			return closers, listenError("tcp", a, err)
		}
		closers = append(closers, l)
		all.Go(func() { s.accept(l, all) })
	}
	return closers, nil
}

func listenError(proto string, a netip.AddrPort, err error) error {
	return fmt.Errorf("resolver.listen: %s %s: %w; `ss -lnp` shows who has the port", proto, a, err)
}
