package config

import (
	"fmt"
	"path"
	"strings"
	"time"

	"filippo.io/age"
)

// Packets describes which packets are stored, where and for how long.
type Packets struct {
	// Enabled turns the store of packets on. Default false.
	Enabled bool `config:"enabled"`
	// Dir is the folder of the store. Empty, the default, for packets in path.data.
	Dir string `config:"dir"`
	// Include selects the qubes whose packets are stored. Empty, the default, for all,
	// and for interfaces whose qube is not known.
	Include []Selector `config:"include"`
	// Exclude selects qubes whose packets are not stored, whatever Include says. Absent,
	// the default, for those with the tags anon-vm and anon-gateway.
	Exclude []Selector `config:"exclude"`

	// MaxBytes bounds the store. Default 0, for half of what is free, 10GiB at most.
	MaxBytes Size `config:"max_bytes"`
	// MaxAge is how long packets are kept. Default 0, for as long as there is room.
	MaxAge Duration `config:"max_age"`
	// MinFree is what is left free on the file system. Default 512MiB.
	MinFree Size `config:"min_free"`
	// Quotas are the limits of qubes. The first that fits counts. Default none.
	Quotas []PacketQuota `config:"quotas"`

	// FlowLimit is how many bytes of a flow are stored in each segment before its packets
	// are cut to their headers. Default 0, for no limit.
	FlowLimit Size `config:"flow_limit"`
	// Filter is a filter in the language of tcpdump that packets must pass to be stored, up
	// to 1,000 bytes. Empty, the default, for all. The meter sees all of them.
	Filter string `config:"filter"`
	// Snaplen is how many bytes of a packet are stored, up to 128 KiB. Default 0, for all.
	Snaplen int `config:"snaplen"`
	// Payload stores more than the first 256 bytes of each packet. Default true.
	Payload bool `config:"payload"`
	// ForgetDisposables is after how long the packets of a disposable are removed that is
	// gone. Default 0, for never.
	ForgetDisposables Duration `config:"forget_disposables"`

	// Segment says when a file is complete.
	Segment PacketSegment `config:"segment"`
	// Memory is the size of the buffers. Default 32MiB, 2MiB to 4GiB.
	Memory Size `config:"memory"`
	// Flush is after how long a packet is in its file at the latest. Default 1s.
	Flush Duration `config:"flush"`
	// Integrity writes a digest of each segment into the chain. Default true.
	Integrity bool `config:"integrity"`
	// Compress is how files that are complete are compressed: "zstd", or "" for not at all. It
	// excludes EncryptTo. Default "".
	Compress string `config:"compress"`
	// EncryptTo encrypts what is stored to public keys of age (age1...). Default none.
	EncryptTo []string `config:"encrypt_to"`
	// KeptMaxBytes bounds what `qubesbeat pcap keep` has copied. Default 2GiB.
	KeptMaxBytes Size `config:"kept_max_bytes"`
}

// PacketSegment says when a file of the store is complete.
type PacketSegment struct {
	// Bytes is the size. Default 64MiB, 1MiB to 4GiB.
	Bytes Size `config:"bytes"`
	// Age is the time that it covers at most. Default 1h, at least 1m.
	Age Duration `config:"age"`
}

// Selector selects the qubes that one of its conditions matches.
type Selector struct {
	// Qubes selects by name or pattern (work-*).
	Qubes []string `config:"qubes"`
	// Labels selects by label.
	Labels []string `config:"labels"`
	// Classes selects by class, such as DispVM.
	Classes []string `config:"classes"`
	// Tags selects by tag.
	Tags []string `config:"tags"`
}

// Empty reports whether the selector has no condition.
func (s *Selector) Empty() bool {
	return len(s.Qubes)+len(s.Labels)+len(s.Classes)+len(s.Tags) == 0
}

// PacketQuota gives limits to the qubes that one of its conditions matches; without
// conditions, to all.
type PacketQuota struct {
	// Qubes selects by name or pattern, as in [Selector].
	Qubes []string `config:"qubes"`
	// Labels selects by label.
	Labels []string `config:"labels"`
	// Classes selects by class, such as DispVM.
	Classes []string `config:"classes"`
	// Tags selects by tag.
	Tags []string `config:"tags"`

	// Quota bounds what is stored of each of the qubes. Default 0, for no bound but MaxBytes.
	Quota Size `config:"quota"`
	// Reserve is up to where a qube loses nothing to others. Default 0.
	Reserve Size `config:"reserve"`
	// Weight is the qube's share of the store where there is not enough for all. Default 1.
	Weight float64 `config:"weight"`
	// FlowLimit is [Packets.FlowLimit] for these qubes, if it is not 0.
	FlowLimit Size `config:"flow_limit"`
	// Payload is [Packets.Payload] for these qubes; nil if absent. False wins.
	Payload *bool `config:"payload"`
}

// Selector returns the conditions of the quota.
func (q *PacketQuota) Selector() Selector { return Selector{q.Qubes, q.Labels, q.Classes, q.Tags} }

// defaultPackets are the settings of the store if the file sets nothing.
func defaultPackets() Packets {
	return Packets{MinFree: 512 << 20, Payload: true, Segment: PacketSegment{Bytes: 64 << 20, Age: Duration(time.Hour)}, Memory: 32 << 20,
		Flush: Duration(time.Second), Integrity: true, KeptMaxBytes: 2 << 30}
}

// maxFilter is how long a filter may be, in bytes: it stands in the head of every file.
const maxFilter = 1000

// maxSnaplen is the most that the store takes of a packet, in bytes.
const maxSnaplen = 128 << 10

func (c *Config) checkPackets() error {
	p, s := Problems{Section: "packets"}, &c.Packets
	if s.Enabled && !c.Flows.Enabled {
		p.Addf("enabled", "packets are found by their flows; flows.enabled must be true, too")
	}
	p.selectors("include", s.Include)
	p.selectors("exclude", s.Exclude)
	p.sizeWithin("segment.bytes", s.Segment.Bytes, 1<<20, 4<<30)
	p.sizeWithin("memory", s.Memory, 2<<20, 4<<30)
	p.Within("snaplen", s.Snaplen, 0, maxSnaplen)
	if len(s.Filter) > maxFilter {
		p.Addf("filter", "%d bytes are too long; %d are possible", len(s.Filter), maxFilter)
	}
	if s.MaxBytes > 0 && s.MaxBytes < 2*s.Segment.Bytes {
		p.Addf("max_bytes", "%v has no room for two segments of %v; make it larger, or segment.bytes smaller", s.MaxBytes, s.Segment.Bytes)
	}
	p.atLeast("segment.age", s.Segment.Age, time.Minute)
	p.atLeast("flush", s.Flush, 100*time.Millisecond)
	if s.MaxAge != 0 {
		p.atLeast("max_age", s.MaxAge, time.Minute)
	}
	if s.ForgetDisposables.D() < 0 {
		p.Addf("forget_disposables", "%v is negative; use 0 for never", s.ForgetDisposables.D())
	}
	switch {
	case s.Compress != "" && s.Compress != "zstd":
		p.Addf("compress", "%q is no way to compress; there is zstd", s.Compress)
	case s.Compress != "" && len(s.EncryptTo) > 0:
		p.Addf("compress", "what is encrypted cannot be compressed afterwards; choose one of compress and encrypt_to")
	}
	p.encryptTo(s.EncryptTo)
	for i := range s.Quotas {
		p.quota(fmt.Sprintf("quotas.%d", i), &s.Quotas[i])
	}
	return p.Err()
}

// encryptTo adds the problems of the keys that packets are encrypted to.
func (p *Problems) encryptTo(keys []string) {
	const most = 16
	if len(keys) > most {
		p.Addf("encrypt_to", "%d keys; at most %d", len(keys), most)
	}
	for i, k := range keys {
		at := fmt.Sprintf("encrypt_to.%d", i)
		if strings.HasPrefix(strings.ToUpper(k), "AGE-SECRET-KEY-") {
			p.Addf(at, "it is a private key, which must not be on this machine; use the public one, age1...")
		} else if _, err := age.ParseX25519Recipient(k); err != nil {
			p.Addf(at, "%q is no public key of age, such as age-keygen prints: %v", k, err)
		}
	}
}

// quota adds the problems of one quota.
func (p *Problems) quota(key string, q *PacketQuota) {
	of := q.Selector()
	p.patterns(key, of.Qubes)
	if q.Quota > 0 && q.Reserve > q.Quota {
		p.Addf(key+".reserve", "%v is more than the quota, %v", q.Reserve, q.Quota)
	}
	if !(q.Weight >= 0 && q.Weight <= 1000) {
		p.Addf(key+".weight", "%v is not within 0 and 1000", q.Weight)
	}
}

// selectors adds the problems of a list of selectors. One without a condition is refused:
// it may be meant for all or for none.
func (p *Problems) selectors(key string, list []Selector) {
	for i := range list {
		one := fmt.Sprintf("%s.%d", key, i)
		if list[i].Empty() {
			p.Addf(one, "selects nothing; give it qubes, labels, classes or tags")
		}
		p.patterns(one, list[i].Qubes)
	}
}

// patterns adds patterns that cannot be read.
func (p *Problems) patterns(key string, list []string) {
	for _, one := range list {
		if _, err := path.Match(one, ""); err != nil {
			p.Addf(key+".qubes", "%q is not a pattern", one)
		}
	}
}

// sizeWithin adds a problem unless low <= s <= high.
func (p *Problems) sizeWithin(key string, s, low, high Size) {
	if s < low || s > high {
		p.Addf(key, "%v is not within %v and %v", s, low, high)
	}
}

// atLeast adds a problem if d is shorter than least.
func (p *Problems) atLeast(key string, d Duration, least time.Duration) {
	if d.D() < least {
		p.Addf(key, "%v is too short; use %v or more", d.D(), least)
	}
}
