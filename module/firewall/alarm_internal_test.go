package firewall

import (
	"testing"
	"time"
)

// TestService_alarm lets the readers catch up once after a standstill, and not more often.
func TestService_alarm(t *testing.T) {
	t.Parallel()
	const due = 10 * time.Second
	tests := []struct {
		name  string
		rings []time.Duration // after due
		want  []bool          // whether the tracker is called
	}{
		{"on time", []time.Duration{0}, []bool{true}},
		{"as late as it may be", []time.Duration{standstill}, []bool{true}},
		{"after a standstill", []time.Duration{standstill + 1, standstill + 1 + catchUp}, []bool{false, true}},
		{"always late", []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour}, []bool{false, true, false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := alarm{due: never}
			a.set(due, true)
			for i, late := range tt.rings {
				if got := a.ring(due + late); got != tt.want[i] {
					t.Errorf("ring %d = %v; want %v", i, got, tt.want[i])
				}
				at := a.set(due, true)
				if !tt.want[i] && at != due+late+catchUp {
					t.Errorf("ring %d: the next is %v after the due time; want %v", i, at-due, late+catchUp)
				}
			}
		})
	}
}

// TestService_alarm_off never rings while nothing is tracked.
func TestService_alarm_off(t *testing.T) {
	t.Parallel()
	a := alarm{due: time.Second}
	if at := a.set(time.Minute, false); at != never || a.due != never {
		t.Errorf("set = %v; want never", at)
	}
}
