package inventory

import (
	"bytes"
	"context"

	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/qrexec"
)

// Service is the name of the qrexec service by which dom0 pushes inventories.
const Service = "qubesbeat.Inventory"

// A ReceiverConfig holds the settings of the service.
type ReceiverConfig struct {
	// Guard recovers from panics at one call. It may be nil.
	Guard *guard.Part
	// Socket and Group are those of [qrexec.Config].
	Socket, Group string
	// Path is the file that a valid inventory replaces. Its folder must exist.
	Path string
	// Parse says how an inventory is parsed.
	Parse Config
	// OnStored, if not nil, is called after an inventory was stored, and OnError, if not nil, with the reason if a call
	// was refused. Both are called by Run, never at the same time.
	OnStored func()
	OnError  func(error)
}

// Listen opens the socket of the service. Run of the receiver closes it.
func Listen(cfg ReceiverConfig) (*qrexec.Receiver, error) {
	parse := cfg.Parse.withDefaults()
	return qrexec.Listen(qrexec.Config{Guard: cfg.Guard, Service: Service, Socket: cfg.Socket, Group: cfg.Group, MaxSize: parse.MaxSize,
		Take:    func(_ context.Context, data []byte) error { return Store(cfg.Path, bytes.NewReader(data), parse) },
		OnTaken: cfg.OnStored, OnError: cfg.OnError})
}
