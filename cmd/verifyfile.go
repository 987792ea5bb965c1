package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/qubesbeat/qubesbeat/beater"
	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
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
	return verifymodule.Replay(ctx, &conf.Verify, index, v.file)
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
