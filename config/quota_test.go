package config_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
)

// TestQuota_Share follows from what the output holds, unless it is set.
func TestQuota_Share(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		quota         config.Quota
		capacity      int64
		burst, perDay int64
	}{
		{config.Quota{Enabled: true}, 1600, 100, 400},
		{config.Quota{Enabled: true}, 0, 0, 0},
		{config.Quota{Enabled: true, BurstMB: 1, PerDayMB: 3}, 1600, 1 << 20, 3 << 20},
		{config.Quota{BurstMB: 1, PerDayMB: 3}, 1600, 0, 0},
	} {
		if burst, perDay := tt.quota.Share(tt.capacity); burst != tt.burst || perDay != tt.perDay {
			t.Errorf("Share of %+v = %d, %d; want %d, %d", tt.quota, burst, perDay, tt.burst, tt.perDay)
		}
	}
}
