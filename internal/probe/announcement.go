package probe

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// Service is the name of the qrexec service that dom0 calls. No other caller is to be served.
const Service = "qubesbeat.Verify"

// MaxSize is how long an announcement may be, in bytes. One of dom0's has about 200.
const MaxSize = 4096

// The limits of what an announcement can say.
const (
	version    = 1
	maxSizes   = 16
	minPacket  = 64   // bytes of an IP packet
	maxPacket  = 1280 // what passes every link unfragmented (RFC 8200 section 5)
	maxTTL     = 16
	maxSeconds = 600
)

// Kind is what an announcement is about.
type Kind string

// The kinds of announcements.
const (
	Tunnel Kind = "tunnel" // canaries follow, and the tunnel is up: they must be in it
	Down   Kind = "down"   // canaries follow, and the tunnel was ended: none may come out
	Sent   Kind = "sent"   // those with the nonce were sent: only now does it prove anything that none came out
)

// An Announcement is what dom0 says about canaries. Of those of kind Sent, only Nonce is set.
type Announcement struct {
	Kind  Kind
	Nonce Nonce
	// Via is the attached qube through which they come, and Client the qube that sends them, which may be the same. Client
	// is "" if it is behind a gateway of Whonix, whose clients dom0 does not name. Both may be pseudonyms.
	Via, Client string
	Sizes       []int         // of the echo requests, in bytes of the IP packet, in their order
	TTL         int           // with which they are sent: the hops from the client to this qube
	For         time.Duration // how long to look for them, from the arrival of the announcement
}

// announced is an Announcement in JSON.
type announced struct {
	Version int    `json:"version"`
	Kind    Kind   `json:"kind"`
	Nonce   string `json:"nonce"`
	Via     string `json:"via,omitempty"`
	Client  string `json:"client,omitempty"`
	Sizes   []int  `json:"sizes,omitempty"`
	TTL     int    `json:"ttl,omitempty"`
	Seconds int    `json:"seconds,omitempty"`
}

// Text returns the announcement as Parse reads it, with whole seconds.
func (a *Announcement) Text() string {
	text, _ := json.Marshal(announced{Version: version, Kind: a.Kind, Nonce: hex.EncodeToString(a.Nonce[:]), Via: a.Via, Client: a.Client, Sizes: a.Sizes,
		TTL: a.TTL, Seconds: int(a.For / time.Second)}) // never fails for these types
	return string(text)
}

// Parse reads one announcement. It does not say when it was made: the clocks of dom0 and of this qube differ.
func Parse(data []byte) (*Announcement, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("parsing an announcement of canaries: more than %d bytes", MaxSize)
	}
	var in announced
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("parsing an announcement of canaries: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parsing an announcement of canaries: more than one")
	}
	a, err := in.announcement()
	if err != nil {
		return nil, fmt.Errorf("parsing an announcement of canaries: %w", err)
	}
	return a, nil
}

// announcement checks what was decoded.
func (in *announced) announcement() (*Announcement, error) {
	a := &Announcement{Kind: in.Kind}
	if in.Version != version {
		return nil, fmt.Errorf("version %d of the format is not supported, only %d is: use the qubesbeat-probe that came with this qubesbeat", in.Version, version)
	}
	n, err := ParseNonce(in.Nonce)
	if err != nil {
		return nil, err
	}
	a.Nonce = n
	switch in.Kind {
	case Sent:
		return a, in.isBare()
	case Tunnel, Down:
		return a, in.fill(a)
	}
	return nil, fmt.Errorf("kind %.40q is not tunnel, down or sent", in.Kind)
}

// isBare returns an error if there is more than a nonce.
func (in *announced) isBare() error {
	if in.Via != "" || in.Client != "" || in.Sizes != nil || in.TTL != 0 || in.Seconds != 0 {
		return errors.New("kind sent has a nonce and nothing else")
	}
	return nil
}

// fill checks and sets what describes canaries.
func (in *announced) fill(a *Announcement) error {
	if err := qube.ValidName(in.Via); err != nil {
		return fmt.Errorf("via: %w", err)
	}
	if err := qube.ValidName(in.Client); err != nil && in.Client != "" {
		return fmt.Errorf("client: %w", err)
	}
	switch {
	case len(in.Sizes) == 0 || len(in.Sizes) > maxSizes:
		return fmt.Errorf("%d sizes; 1 to %d are possible", len(in.Sizes), maxSizes)
	case in.TTL < 1 || in.TTL > maxTTL:
		return fmt.Errorf("ttl is %d; 1 to %d are possible", in.TTL, maxTTL)
	case in.Seconds < 1 || in.Seconds > maxSeconds:
		return fmt.Errorf("seconds is %d; 1 to %d are possible", in.Seconds, maxSeconds)
	}
	for _, size := range in.Sizes {
		if size < minPacket || size > maxPacket {
			return fmt.Errorf("size %d is not that of a packet from %d to %d bytes", size, minPacket, maxPacket)
		}
	}
	a.Via, a.Client, a.Sizes, a.TTL, a.For = in.Via, in.Client, in.Sizes, in.TTL, time.Duration(in.Seconds)*time.Second
	return nil
}
