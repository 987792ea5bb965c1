package config

// Quota holds the settings of the share of the output that each client has. What a
// client causes beyond it is counted in one event per dataset and minute.
type Quota struct {
	// Enabled turns the quota on, for output.file, whose size is known, and for other
	// outputs if BurstMB and PerDayMB are set. Default true.
	Enabled bool `config:"enabled"`
	// BurstMB is how much a client may cause at once, in MiB of events. Default 0, for
	// a sixteenth of what the files of output.file may hold.
	BurstMB int `config:"burst_mb"`
	// PerDayMB is how much more it may cause in a day, in MiB of events. Default 0, for
	// a quarter of what the files of output.file may hold.
	PerDayMB int `config:"per_day_mb"`
}

// maxQuotaMB bounds the sizes of a quota: a terabyte.
const maxQuotaMB = 1 << 20

func (c *Config) checkQuota() error {
	p, q := Problems{Section: "quota"}, &c.Quota
	p.Within("burst_mb", q.BurstMB, 0, maxQuotaMB)
	p.Within("per_day_mb", q.PerDayMB, 0, maxQuotaMB)
	if (q.BurstMB == 0) != (q.PerDayMB == 0) {
		key := "burst_mb"
		if q.PerDayMB == 0 {
			key = "per_day_mb"
		}
		p.Addf(key, "is not set; set both burst_mb and per_day_mb, or none of them")
	}
	return p.Err()
}

// Shares of the output that a client has: with them, a client that floods for a day
// replaces less than a third of what the output holds.
const (
	burstShare  = 16
	perDayShare = 4
)

// Share returns how many bytes of events a client may cause at once and more in a day,
// 0 and 0 for any number. capacity is how much the output holds, 0 if that is not known.
func (q *Quota) Share(capacity int64) (burst, perDay int64) {
	if !q.Enabled {
		return 0, 0
	}
	if q.BurstMB > 0 {
		return int64(q.BurstMB) << 20, int64(q.PerDayMB) << 20
	}
	return capacity / burstShare, capacity / perDayShare
}
