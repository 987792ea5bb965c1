package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/resolver"
	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// Server serves the socket.
type Server struct {
	guard    *guard.Part // recovers from panics at one request; may be nil
	path     string
	conf     *Config
	resolver *resolver.Resolver
	listener net.Listener
	http     http.Server
}

// Config holds the settings of a [Server].
type Config struct {
	// Path is that of the socket; its directory is made.
	Path string
	// Resolver answers the calls of `qubesbeat dns`. It may be nil.
	Resolver *resolver.Resolver
	// Packets answers the calls of `qubesbeat pcap`. It may be nil.
	Packets Packets
	// Top answers the calls of `qubesbeat top`. It may be nil.
	Top Top
	// Verifier answers the calls of `qubesbeat verify`. It may be nil.
	Verifier Verifier
	// Findings answers the calls of `qubesbeat findings` and `qubesbeat baseline`. It may be
	// nil.
	Findings Findings
	// Reload reads the configuration again; nil means that the beat cannot.
	Reload func() error
	// Guard recovers from panics at one request. It may be nil.
	Guard *guard.Part
}

// Top is who counts what `qubesbeat top` shows. It must be safe for concurrent use.
type Top interface {
	// Top returns the counters of all qubes, and all peers of an interface, none if open is
	// "".
	Top(ctx context.Context, open string) (*topview.Snapshot, error)
}

// Listen makes the socket, readable and writable for its user alone. A socket that
// a dead process has left behind is replaced.
func Listen(conf Config) (*Server, error) {
	path := conf.Path
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("%s: in use by another process", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		_ = os.Remove(path)
	}
	l, err := privately(path)
	if err != nil {
		return nil, err
	}
	s := &Server{path: path, conf: &conf, resolver: conf.Resolver, listener: l, guard: conf.Guard}
	s.http.Handler, s.http.ReadHeaderTimeout, s.http.ConnContext = s.routes(), 5*time.Second, withPeer
	return s, nil
}

// privately listens at a path that only the user can open, at any time: the socket
// is made in a private directory, and moved once its permissions are set.
func privately(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".socket-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(filepath.Join(dir, "s"), 0o600), os.Rename(filepath.Join(dir, "s"), path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Serve serves until Close.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends the service and removes the socket.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	defer os.Remove(s.path)
	if s.http.Shutdown(ctx) != nil {
		return s.http.Close()
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var v any
			var err error
			if panicked := s.guard.Do(func() []byte { return []byte(r.URL.String()) }, func() { v, err = do(r) }); panicked != nil {
				err = panicked
			}
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				v = fault{err.Error()}
			}
			_ = json.NewEncoder(w).Encode(v)
		})
	}
	if s.resolver != nil {
		s.resolverRoutes(answer)
	}
	if s.conf.Packets != nil {
		s.packetRoutes(answer)
	}
	if s.conf.Top != nil {
		answer("GET /top", func(r *http.Request) (any, error) { return s.conf.Top.Top(r.Context(), r.FormValue("open")) })
	}
	if s.conf.Verifier != nil {
		s.verifierRoutes(answer)
	}
	if s.conf.Findings != nil {
		s.findingRoutes(answer)
	}
	return mux
}

// router adds a route and what answers there.
type router func(pattern string, do func(r *http.Request) (any, error))

// resolverRoutes are those of `qubesbeat dns`.
func (s *Server) resolverRoutes(answer router) {
	answer("GET /query", func(r *http.Request) (any, error) {
		return s.resolver.Explain(r.FormValue("name"), r.FormValue("type"), r.FormValue("qube"))
	})
	answer("GET /lists", func(*http.Request) (any, error) { return s.resolver.ListStatus(), nil })
	answer("POST /lists/refresh", func(r *http.Request) (any, error) {
		err := s.resolver.RefreshLists(r.Context(), r.FormValue("force") == "true")
		return s.resolver.ListStatus(), err
	})
	answer("POST /reload", func(*http.Request) (any, error) {
		if s.conf.Reload == nil {
			return nil, errors.New("this beat cannot reload its configuration")
		}
		err := s.conf.Reload()
		return s.resolver.ListStatus(), err
	})
	answer("GET /stats", func(*http.Request) (any, error) { return s.resolver.Stats(), nil })
	answer("POST /cache/flush", func(*http.Request) (any, error) {
		s.resolver.FlushCache()
		return s.resolver.Stats(), nil
	})
	answer("GET /blocking", func(*http.Request) (any, error) { return s.resolver.BlockingPauses(), nil })
	answer("POST /blocking/on", func(*http.Request) (any, error) {
		s.resolver.ResumeBlocking()
		return s.resolver.BlockingPauses(), nil
	})
	answer("POST /blocking/off", s.pause)
}

type fault struct {
	Error string `json:"error"`
}

// pause turns blocking off.
func (s *Server) pause(r *http.Request) (any, error) {
	var span time.Duration
	if text := r.FormValue("for"); text != "" {
		var err error
		if span, err = time.ParseDuration(text); err != nil || span <= 0 {
			return nil, fmt.Errorf("%q is not a duration such as 5m", text)
		}
	}
	var lists []string
	if text := r.FormValue("lists"); text != "" {
		lists = strings.Split(text, ",")
	}
	if err := s.resolver.PauseBlocking(lists, r.FormValue("qube"), span); err != nil {
		return nil, err
	}
	return s.resolver.BlockingPauses(), nil
}
