package config

import (
	"errors"
	"time"
)

// Validate returns all problems of the values at once, each a [Problem]. go-ucfg
// calls it after it has read the values. It does not look at the resolver, whose
// settings package module/dns translates and checks.
func (c *Config) Validate() error {
	errs := []error{c.checkFlows(), c.checkServices(), c.checkQuota(), c.checkPackets(), c.checkVerify(), c.checkDetect(), c.checkYears()}
	for i := range c.Interfaces {
		errs = append(errs, c.Interfaces[i].validate(i))
	}
	return errors.Join(errs...)
}

func (c *Config) checkFlows() error {
	p, f := Problems{Section: "flows"}, &c.Flows
	if f.Timeout.D() < time.Second {
		p.Addf("timeout", "%v is too short; use 1s or more", f.Timeout.D())
	}
	if tooShort(f.Period) {
		p.Addf("period", "%v is too short; use 1s or more, or -1s for final reports only", f.Period.D())
	}
	if tooShort(f.ActiveTimeout) {
		p.Addf("active_timeout", "%v is too short; use 1s or more, or 0 for none", f.ActiveTimeout.D())
	}
	p.Within("max_flows", f.MaxFlows, 1, 100_000_000)
	return p.Err()
}

func (c *Config) checkServices() error {
	var p Problems
	p.Within("transactions.max_memory_mb", c.Transactions.MaxMemoryMB, 4, 65536)
	if tooShort(c.Stats.Period) {
		p.Addf("stats.period", "%v is too short; use 1s or more, or 0 for one event at the end", c.Stats.Period.D())
	}
	if tooShort(c.ShutdownTimeout) {
		p.Addf("shutdown_timeout", "%v is too short to deliver the live flows; use 1s or more", c.ShutdownTimeout.D())
	}
	return p.Err()
}

// tooShort reports whether a duration is below a second, the resolution of the
// timers, and not one of the values that turn it off.
func tooShort(d Duration) bool { return d.D() > 0 && d.D() < time.Second }

// year bounds every duration, so that no sum of times overflows.
const year = 366 * 24 * time.Hour

func (c *Config) checkYears() error {
	var p Problems
	for _, one := range []struct {
		key string
		d   Duration
	}{
		{"flows.timeout", c.Flows.Timeout}, {"flows.period", c.Flows.Period}, {"flows.active_timeout", c.Flows.ActiveTimeout},
		{"stats.period", c.Stats.Period}, {"shutdown_timeout", c.ShutdownTimeout}, {"inventory.hold", c.Inventory.Hold},
		{"verify.window", c.Verify.Window}, {"verify.hold", c.Verify.Hold}, {"verify.period", c.Verify.Period},
		{"packets.forget_disposables", c.Packets.ForgetDisposables}, {"packets.segment.age", c.Packets.Segment.Age}, {"packets.flush", c.Packets.Flush},
		{"detect.learn", c.Detect.Learn}, {"detect.forget", c.Detect.Forget}, {"detect.settle", c.Detect.Settle}, {"detect.repeat", c.Detect.Repeat},
	} {
		if one.d.D() > year {
			p.Addf(one.key, "%v is longer than a year", one.d.D())
		}
	}
	return p.Err()
}
