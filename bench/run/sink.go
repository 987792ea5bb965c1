package main

import "net"

// sink takes UDP datagrams on a loopback port and drops them, as the collector
// of an exporter.
type sink struct {
	conn *net.UDPConn
	done chan struct{}
}

// listenSink returns a running sink. The caller must call close.
func listenSink() (*sink, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}

	s := &sink{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(s.done)

		buf := make([]byte, 65536)
		for {
			if _, _, err := conn.ReadFromUDPAddrPort(buf); err != nil {
				return
			}
		}
	}()

	return s, nil
}

// addr returns the address as host:port.
func (s *sink) addr() string { return s.conn.LocalAddr().String() }

// close ends the sink.
func (s *sink) close() error {
	err := s.conn.Close()
	<-s.done

	return err
}
