package control

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Packets is a store of packets. Its methods must be safe for concurrent use.
type Packets interface {
	// Seal completes the files of a qube, or all if qube is "", so that they can be read.
	Seal(ctx context.Context, qube string) error
	// Forget removes the packets of a qube, and returns how many files it had.
	Forget(ctx context.Context, qube string) (segments int, err error)
	// Status returns what the store does now.
	Status() *PacketStatus
	// Reload reads the settings again, and returns the keys that apply after a restart only.
	Reload(ctx context.Context) (restart []string, err error)
	// Watch lifts the limit of a flow for packets of a qube, an address, or a flow by its
	// Community ID, for a time; 0 ends that.
	Watch(what string, span time.Duration) error
	// NoteRead notes that somebody reads packets. What is in r comes from the other side.
	NoteRead(peer Peer, r *PacketRead) error
}

// PacketStatus is the answer to GET /packets.
type PacketStatus struct {
	State    string `json:"state"`            // running, short, full, failed, not open
	Why      string `json:"why,omitempty"`    // it is not running
	MaxBytes int64  `json:"max_bytes"`        // the bound that applies
	Filter   string `json:"filter,omitempty"` // that packets must pass

	CutFlow     uint64 `json:"cut_flow"` // packets since the start
	CutPressure uint64 `json:"cut_pressure"`
	LostMemory  uint64 `json:"lost_memory"`
	LostDisk    uint64 `json:"lost_disk"`
	Filtered    uint64 `json:"filtered"`

	Lifted  int           `json:"lifted"` // flows of findings and verdicts that are stored whole
	Vifs    []PacketVif   `json:"vifs"`
	Watches []PacketWatch `json:"watches"`
}

// PacketVif is an interface that had packets lately.
type PacketVif struct {
	Name     string `json:"name"`
	Qube     string `json:"qube,omitempty"`     // "" if it is not known
	Excluded string `json:"excluded,omitempty"` // why: tag anon-vm
	Open     string `json:"open,omitempty"`     // whose file is being filled: work, _vif7.0
	Quota    int64  `json:"quota,omitempty"`    // bytes; 0 for none
	Packets  uint64 `json:"packets"`            // of that file
	Cut      uint64 `json:"cut"`
	Lost     uint64 `json:"lost"`
	Filtered uint64 `json:"filtered,omitempty"` // packets that the filter refused
	Nothing  bool   `json:"nothing,omitempty"`  // the filter has let nothing through for a minute
}

// PacketWatch is a watch that lasts.
type PacketWatch struct {
	What  string    `json:"what"`
	Until time.Time `json:"until"`
	Flows uint64    `json:"flows"` // that it has applied to, by file
}

// PacketRead says which packets a command reads.
type PacketRead struct {
	Command string `json:"command"` // pcap get
	What    string `json:"what"`    // qube=work from=...
	Sudo    string `json:"sudo,omitempty"`
}

// Forgotten is the answer to /packets/forget.
type Forgotten struct {
	Segments int `json:"segments"`
}

// Reloaded is the answer to /packets/reload.
type Reloaded struct {
	Restart []string `json:"restart"` // keys that have changed and apply after a restart only
}

// packetRoutes are those of `qubesbeat pcap`.
func (s *Server) packetRoutes(answer router) {
	p := s.conf.Packets
	answer("GET /packets", func(*http.Request) (any, error) { return p.Status(), nil })
	answer("POST /packets/seal", func(r *http.Request) (any, error) {
		return struct{}{}, p.Seal(r.Context(), r.FormValue("qube"))
	})
	answer("POST /packets/forget", func(r *http.Request) (any, error) {
		n, err := p.Forget(r.Context(), r.FormValue("qube"))
		return Forgotten{Segments: n}, err
	})
	answer("POST /packets/reload", func(r *http.Request) (any, error) {
		restart, err := p.Reload(r.Context())
		return Reloaded{Restart: restart}, err
	})
	answer("POST /packets/watch", func(r *http.Request) (any, error) {
		span, err := time.ParseDuration(r.FormValue("for"))
		if err != nil || span < 0 {
			return nil, fmt.Errorf("%q is not a duration such as 1h", r.FormValue("for"))
		}
		if err := p.Watch(r.FormValue("what"), span); err != nil {
			return nil, err
		}
		return p.Status().Watches, nil
	})
	answer("POST /packets/read", func(r *http.Request) (any, error) {
		return struct{}{}, p.NoteRead(PeerOf(r.Context()), &PacketRead{r.FormValue("command"), r.FormValue("what"), r.FormValue("sudo")})
	})
}
