package packets

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// reloadable are the keys that apply without a restart.
var reloadable = []string{"include", "exclude", "max_bytes", "max_age", "min_free", "quotas", "flow_limit", "filter", "forget_disposables", "kept_max_bytes"}

// Reload reads the settings again: whose packets are stored, which of them, and the limits.
// It returns the keys that have changed and apply after a restart only. Settings that are
// not valid change nothing.
func (s *Service) Reload(ctx context.Context) (restart []string, err error) {
	if s.deps.ReadSettings == nil {
		return nil, errors.New("this beat cannot reload its settings")
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	c, err := s.deps.ReadSettings()
	if err != nil {
		return nil, err
	}
	f, err := newSieve(c.Filter)
	if err != nil {
		return nil, err
	}
	next := *s.rules.Load()
	restart = merge(&next, c, s.conf.Dir)
	s.rules.Store(&next)
	if f.text != s.sieve.Load().text {
		s.sieve.Store(f)
	}
	if err := s.apply(ctx, &next); err != nil {
		return restart, err
	}
	s.deps.Logger.Info("the settings of the store of packets were read again", "after_restart", strings.Join(restart, ", "))
	return restart, nil
}

// apply has rules apply to the open store; one that is opened later begins with them.
func (s *Service) apply(ctx context.Context, c *config.Packets) error {
	store := s.store.Load()
	if store == nil {
		return nil
	}
	r := packetstore.Rules{MaxBytes: int64(c.MaxBytes), MaxAge: c.MaxAge.D(), MinFree: int64(c.MinFree), FlowLimit: int64(c.FlowLimit), Filter: c.Filter}
	if err := store.SetRules(ctx, &r); err != nil {
		return fmt.Errorf("the settings are read, and apply once the disk answers: %w", err)
	}
	return nil
}

// merge takes over the settings that apply now, and returns the keys of the others that
// differ. dir is the folder that is in use.
func merge(into, from *config.Packets, dir string) (restart []string) {
	to, have := reflect.ValueOf(into).Elem(), reflect.ValueOf(from).Elem()
	for i := range to.NumField() {
		key := to.Type().Field(i).Tag.Get("config")
		switch {
		case slices.Contains(reloadable, key):
			to.Field(i).Set(have.Field(i))
		case key == "dir" && (from.Dir == "" || from.Dir == dir):
		case !reflect.DeepEqual(to.Field(i).Interface(), have.Field(i).Interface()):
			restart = append(restart, "packets."+key)
		}
	}
	return restart
}
