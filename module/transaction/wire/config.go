package wire

import "github.com/elastic/beats/v7/packetbeat/procs"

// Config is what the analyzers' process has to know.
type Config struct {
	// Protocols and List are the sections of packetbeat's `protocols`, in the old
	// form (a map) and in the new one (a list). Each has its number under
	// [SectionKey].
	Protocols map[string]map[string]any `yaml:"protocols"`
	List      []map[string]any          `yaml:"list"`
	// Procs is packetbeat's section. It is not used unless Live is set.
	Procs procs.ProcsConfig `yaml:"procs"`
	// Live says that the packets are of this machine and of the present.
	Live bool `yaml:"live"`
	// Strict leaves out what packetbeat forgets at the end: requests without a
	// response.
	Strict bool `yaml:"strict"`
	// Memory bounds what the analyzers hold, in bytes; 0 means 64 MiB.
	Memory int `yaml:"memory"`
	// InternalNetworks is packetbeat's interfaces.internal_networks.
	InternalNetworks []string `yaml:"internal_networks"`
	// IgnoreOutgoing drops the events of this machine's own requests.
	IgnoreOutgoing bool `yaml:"ignore_outgoing"`
}

// SectionKey is the key under which a section of protocols has its number.
const SectionKey = "_section"

// Ready is what the analyzers listen to.
type Ready struct {
	TCP  map[uint16]string `yaml:"tcp"` // the protocol of each port
	UDP  map[uint16]string `yaml:"udp"`
	ICMP bool              `yaml:"icmp"`
}

// Empty reports whether there is nothing to analyze.
func (r *Ready) Empty() bool { return len(r.TCP) == 0 && len(r.UDP) == 0 && !r.ICMP }
