package verify

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/nftrules"
	"github.com/qubesbeat/qubesbeat/internal/qubesdb"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// ruleset is what the rules of this machine say. It does not change.
type ruleset struct {
	nft      *judge.Ruleset // nil if it cannot be read
	firewall byAddr         // of qvm-firewall; nil if they cannot be read
}

// rulesReader reads the rules.
type rulesReader struct {
	conf *Config
	log  *slog.Logger

	mu     sync.Mutex
	now    *ruleset // guarded by mu
	warned map[string]bool
}

// snapshot returns the rules as they were read last.
func (r *rulesReader) snapshot() *ruleset {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		return &ruleset{}
	}
	return r.now
}

// nftTimeout bounds a run of nft.
const nftTimeout = 10 * time.Second

// read reads the rules. What cannot be read is logged once.
func (r *rulesReader) read(ctx context.Context) {
	if !r.conf.Rules {
		return
	}
	before := r.snapshot()
	now := &ruleset{firewall: r.readFirewall(before.firewall)}
	ctx, cancel := context.WithTimeout(ctx, nftTimeout)
	defer cancel()
	state, err := nftrules.ReadWithClients(ctx)
	if err != nil {
		r.warn("nft", "the rules of nft cannot be read; checks that rest on them are unknown", err)
	} else if i := state.Isolation(); i.Qubes {
		now.nft = toRuleset(i)
	} else {
		r.warn("nft", "the rules of nft are not those of Qubes; checks that rest on them are unknown", nftrules.ErrNotQubes)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = now
}

func toRuleset(i nftrules.Isolation) *judge.Ruleset {
	return &judge.Ruleset{Generation: i.Digest, DropsBetween4: i.Drops4, DropsBetween6: i.Drops6, Accepts: i.Accepts, Firewall: i.Firewall,
		Chains: i.Chains, MapsDNS: i.MapsDNS}
}

// rulesPrefix is the path of the rules in QubesDB: /qubes-firewall/ADDRESS/KEY.
const rulesPrefix = "/qubes-firewall/"

// readFirewall reads the rules of qvm-firewall. Rules that are not understood are left out:
// qubes-firewall drops all packets of such a qube.
func (r *rulesReader) readFirewall(before byAddr) byAddr {
	c, err := qubesdb.Dial(r.conf.QubesDB)
	if err != nil {
		r.warn("qubesdb", "the rules of qvm-firewall cannot be read; checks that rest on them are unknown", err)
		return nil
	}
	defer c.Close()
	all, err := c.ReadAll(rulesPrefix)
	if err != nil {
		r.warn("qubesdb", "the rules of qvm-firewall cannot be read; checks that rest on them are unknown", err)
		return nil
	}
	return firewallRules(all).changedAt(before, time.Now())
}

// firewallRules parses the entries of QubesDB.
func firewallRules(all map[string]string) byAddr {
	entries := map[netip.Addr]map[string]string{}
	for path, value := range all {
		ip, key, _ := strings.Cut(strings.TrimPrefix(path, rulesPrefix), "/")
		a, err := netip.ParseAddr(ip)
		if err != nil {
			continue
		}
		if entries[a] == nil {
			entries[a] = map[string]string{}
		}
		entries[a][key] = value
	}
	list := byAddr{}
	for a, one := range entries {
		if rules, err := judge.ParseRules(one); err == nil {
			list[a] = rules
		}
	}
	return list
}

// warn logs once that something cannot be read.
func (r *rulesReader) warn(what, text string, err error) {
	if r.warned[what] {
		return
	}
	if r.warned == nil {
		r.warned = map[string]bool{}
	}
	r.warned[what] = true
	r.log.Warn(text, "error", err.Error())
}

// retryAfter is the time between two attempts to follow rules.
const retryAfter = 10 * time.Second

// retry makes attempts to follow rules until ctx ends, if rules are to be read.
func (r *rulesReader) retry(ctx context.Context, attempt func()) {
	for r.conf.Rules && ctx.Err() == nil {
		attempt()
		pause(ctx, retryAfter)
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// followNft says on changed that rules of nft have changed, until ctx ends. Where the kernel does not
// say so, they are read at intervals only.
func (r *rulesReader) followNft(ctx context.Context, changed chan<- struct{}) {
	r.retry(ctx, func() {
		if err := nftrules.Watch(ctx, func() { signal(changed) }); err != nil {
			r.log.Debug("changes of the rules of nft are not announced", "error", err.Error())
		}
	})
}

// signal puts a token into a channel with room for one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// follow says on changed that rules of qvm-firewall have changed, until ctx ends.
func (r *rulesReader) follow(ctx context.Context, changed chan<- struct{}) {
	r.retry(ctx, func() {
		c, err := qubesdb.Dial(r.conf.QubesDB)
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.Watch(ctx, rulesPrefix, func(path string) error {
			if path == rulesPrefix || strings.Count(path, "/") == 2 { // written last, when the rules are complete
				signal(changed)
			}
			return nil
		})
	})
}
