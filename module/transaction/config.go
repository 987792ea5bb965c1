package transaction

import (
	"slices"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/packetbeat/procs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/qubesbeat/qubesbeat/internal/dnsview"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// Config holds the settings of a [Service].
type Config struct {
	// Protocols and List are packetbeat's `protocols`, in the old form (a map) and in
	// the new one (a list).
	Protocols map[string]*conf.C
	List      []*conf.C
	// Procs is packetbeat's section. It has no effect unless Live is set.
	Procs procs.ProcsConfig
	// Live says that packets are those of the present. In a replay queues wait for
	// room instead of dropping, and the machine's own addresses do not matter.
	Live bool
	// Memory bounds what the analyzers may hold, in bytes; 0 means 64 MiB.
	Memory int
	// Hold is how long the event of a client that the inventory does not know is held
	// back; 0 means not at all.
	Hold time.Duration
	// InternalNetworks is packetbeat's interfaces.internal_networks. If it is set,
	// network.direction follows it, and not the qubes.
	InternalNetworks []string
	// IgnoreOutgoing drops the events of this machine's own requests.
	IgnoreOutgoing bool
	// Strict leaves network.direction as packetbeat has it, and leaves out requests
	// without a response at the end.
	Strict bool
}

// Enabled reports whether a section of protocols is enabled. There may be nothing
// to analyze nevertheless: see [New].
func (c *Config) Enabled() bool {
	for _, section := range c.Protocols {
		if section.Enabled() {
			return true
		}
	}
	return slices.ContainsFunc(c.List, (*conf.C).Enabled)
}

// Deps is what a [Service] needs of the rest of the program. All but DNS are
// required.
type Deps struct {
	// Enricher finds the qubes.
	Enricher *enrich.Enricher
	// InterfaceName returns the name of an observation point, "" if it has none. It
	// must be safe for concurrent use.
	InterfaceName func(iface uint32) string
	// Connect opens a client of libbeat's pipeline. It is called by New, once for
	// each enabled section.
	Connect func(beat.ProcessingConfig) (beat.Client, error)
	// DNS is called with each event of type dns. It reports whether the event is left
	// out, because the resolver logs the same query. It may be nil.
	DNS func(*dnsview.Answer) (duplicate bool)
	// Admit reports whether an event goes out as it is. Otherwise it has been counted in
	// a summary. It may be nil.
	Admit func(*event.Account) bool
	// Guard recovers from panics at one event. It may be nil.
	Guard *guard.Keeper
	// Sensor is observer.name; "" leaves it out.
	Sensor string
	// Delivery returns the counters of the clients that Connect has opened.
	Delivery func() event.Delivery
	// Logger is libbeat's, for the processors that a section configures.
	Logger *logp.Logger
}
