package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/netstate"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/source"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
	verifymodule "github.com/qubesbeat/qubesbeat/module/verify"
)

// readFile returns the verdicts on a capture file, by the configuration and the inventory of
// the beat.
func (v *verifier) readFile(ctx context.Context) (*judge.View, error) {
	conf, err := beater.ReadConfig(v.root)
	if err != nil {
		return nil, err
	}
	index, err := readIndex(conf)
	if err != nil {
		return nil, err
	}
	return verifyCapture(ctx, conf, index, v.file)
}

// readIndex reads the inventory. Without one, qubes have no names.
func readIndex(conf *config.Config) (*inventory.Index, error) {
	index := inventory.NewIndex(inventory.Config{Fields: conf.Inventory.Fields})
	file, err := os.Open(inventoryFile(conf))
	if errors.Is(err, fs.ErrNotExist) {
		return index, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the inventory: %w", err)
	}
	defer file.Close()
	s, err := inventory.Parse(file, inventory.Config{Fields: conf.Inventory.Fields})
	if err != nil {
		return nil, fmt.Errorf("reading the inventory: %w", err)
	}
	index.Update(s, time.Now())
	return index, nil
}

// discard takes events that no one wants.
type discard struct{}

// Publish implements [event.Sink].
func (discard) Publish(event.Document) {}

// verifyCapture shows a capture file to a verifier.
func verifyCapture(ctx context.Context, conf *config.Config, index *inventory.Index, file string) (*judge.View, error) {
	interfaces := conf.Interfaces
	if len(interfaces) == 0 {
		interfaces = make([]config.Interface, 1)
	}
	log := slog.New(slog.DiscardHandler)
	src, err := source.Open(&source.Config{Interfaces: interfaces[:1], Logger: log, Replay: source.Replay{Files: []string{file}, Loop: 1, TopSpeed: true}})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	local := netstate.NewAddresses(netstate.AddressesConfig{Read: func() ([]netip.Addr, error) { return nil, nil }}) // those of another machine
	enricher := &enrich.Enricher{Qubes: index, Name: func(i uint32) string { return src.Interfaces().Name(i) }, HasVif: src.HasVif}
	s, err := verifymodule.New(verifymodule.Config{Verify: conf.Verify}, verifymodule.Deps{Sink: discard{}, Enricher: enricher, Inventory: index, HasVif: src.HasVif,
		Local: local.Local, KernelDrops: func() uint64 { return 0 }, Logger: log})
	if err != nil {
		return nil, err
	}
	meter, err := pipeline.NewMeter(pipeline.MeterConfig{Source: src.Source, Queue: pipeline.NewQueue(1, true), NoFlows: true, Taps: []pipeline.Tap{s.Observer()}})
	if err != nil {
		return nil, err
	}
	if err := meter.Run(ctx); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return s.Verdicts(ctx)
}
