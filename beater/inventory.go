package beater

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	inventorymodule "github.com/qubesbeat/qubesbeat/module/inventory"
)

// PushedInventory is the name of the file, in path.data, that dom0's pushes go to
// where the configuration names none.
const PushedInventory = "inventory.json"

// openInventory makes the index, and the file that feeds it where one is
// configured.
func (r *run) openInventory() (err error) {
	cfg := &r.settings.Inventory
	opts := inventory.Options{Fields: cfg.Fields}
	r.index = inventory.NewIndex(opts)
	push := cfg.Qrexec.Enabled && r.live
	if cfg.File == "" && push {
		cfg.File = paths.Resolve(paths.Data, PushedInventory)
	}
	if cfg.File != "" {
		r.file = inventory.NewFile(cfg.File, r.index, opts, r.inventoryChanged, r.inventoryFailed)
	}
	if push {
		r.receiver, err = inventory.Listen(cfg.Qrexec.Socket, cfg.Qrexec.Group, cfg.File, opts, r.file.Poke, r.inventoryFailed)
	}
	return err
}

// loadInventory reads the file for the first time. Without a file the beat starts
// all the same: dom0 may push it later, and a capture can be read on a machine
// that has none. A file with faults stops a replay, whose events would be
// without names for good; a live beat goes on and takes the next good one.
func (r *run) loadInventory(live bool) error {
	if r.file == nil {
		return nil
	}
	err := r.file.Load()
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		r.log.Warnw("no inventory; qubes stay without names until there is one", "file", r.settings.Inventory.File)
		if !live {
			fmt.Fprintf(r.stderr, "qubesbeat: no inventory at %s: the events will carry no names\n", r.settings.Inventory.File)
		}
	case live:
		r.inventoryFailed(err)
	default:
		return err
	}
	return nil
}

func (r *run) startInventory(ctx context.Context, wg *sync.WaitGroup) {
	if r.file == nil || !r.live {
		return
	}
	wg.Go(func() { _ = r.file.Run(ctx) })
	if r.receiver != nil {
		wg.Go(func() { r.receiver.Run(ctx) })
	}
}

func (r *run) inventoryFailed(err error) {
	r.log.Errorw("inventory not taken over; the last good one stays in force", "error", err.Error())
}

// inventoryChanged publishes what changed. The first inventory is not a change:
// it says what is, and in a replay it has no place in the capture's time.
func (r *run) inventoryChanged(changes []inventory.Change) {
	if r.dns != nil {
		r.dns.Update()
	}
	if r.index.Generation() == 1 {
		r.log.Infow("inventory in force", "qubes", len(changes))
		return
	}
	r.log.Infow("inventory changed", "changes", len(changes))
	for _, c := range changes {
		if onlyPower(c) {
			continue
		}
		r.publishSide(&inventorymodule.Document{QubeChange: event.QubeChange{At: c.At,
			Action: c.Kind.String(), Before: c.Before, After: c.After, Fields: c.Fields}})
	}
}

// onlyPower tells a change that a start or a stop of the qube makes each time.
// Three of those for every disposable would hide the changes that matter.
func onlyPower(c inventory.Change) bool {
	for _, f := range c.Fields {
		if f != "state" && f != "xid" && f != "stubdom_xid" {
			return false
		}
	}
	return c.Kind == inventory.Changed
}

// publishSide publishes an event that is not a flow. It does not wait: see
// sideRoom.
func (r *run) publishSide(d event.Document) {
	select {
	case r.sides <- d:
	default:
		r.sideDropped.Add(1)
	}
}

// startStats publishes the counters every stats.period.
func (r *run) startStats(ctx context.Context, wg *sync.WaitGroup) {
	period := r.settings.Stats.Period.D()
	if period <= 0 {
		return
	}
	wg.Go(func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				r.publishSide(r.stats(false))
			}
		}
	})
}
