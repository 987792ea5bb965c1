package capture

import (
	"context"
	"slices"
	"time"
)

// briefEvery is how often it is asked whose frames no one keeps: seldom, for an idle beat sleeps.
const briefEvery = 5 * time.Second

// followBrief brings the filter up to date when other frames are kept than before.
func (r *Ring) followBrief(ctx context.Context) {
	tick := time.NewTicker(briefEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := r.cfg.Guard.Do(nil, func() {
			if r.briefChanged() {
				if err := r.refresh(); err != nil {
					r.watchFault(err)
				}
			}
		})
		if err != nil {
			r.watchFault(err)
		}
	}
}

// briefChanged reports whether the filter cuts other frames than it should.
func (r *Ring) briefChanged() bool {
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	return !slices.Equal(r.brief, r.briefOf(*r.live.Load()))
}

// briefOf returns the interfaces of live whose frames no one keeps, in their order.
func (r *Ring) briefOf(live map[uint32]bool) (brief []uint32) {
	if r.cfg.Brief == nil {
		return nil
	}
	for index, on := range live {
		if on && r.cfg.Brief(index) {
			brief = append(brief, index)
		}
	}
	slices.Sort(brief)
	return brief
}
