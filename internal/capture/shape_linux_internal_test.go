package capture

import (
	"testing"
	"time"
)

// TestAttack09_ring_shape holds that a ring lasts for more than ten seconds at any rate
// that it has the bytes for, with the default size and with much less.
func TestAttack09_ring_shape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size   int
		prompt bool
		blocks int
		lasts  time.Duration
	}{
		{24 << 20, false, 192, 20 * time.Second}, {30 << 20, false, 240, 20 * time.Second}, {8 << 20, false, 64, 16 * time.Second},
		{100 << 20, false, 800, 20 * time.Second}, {1, false, 16, 4 * time.Second}, {25<<20 - 1, false, 192, 20 * time.Second},
		{24 << 20, true, 192, 12 * time.Second}, {100 << 20, true, 800, 20 * time.Second},
	} {
		blocks, retire := shape(tt.size, tt.prompt)
		if blocks != tt.blocks || time.Duration(blocks)*retire < tt.lasts || retire < minRetire || retire > maxRetire {
			t.Errorf("shape(%d, %v) = %d, %v; want %d blocks that last %v", tt.size, tt.prompt, blocks, retire, tt.blocks, tt.lasts)
		}
	}
	const headers = 48 + 80 // of a block and of a frame, at most (Linux if_packet.h)
	if blockSize < 65535+14+4+headers {
		t.Errorf("a block of %d bytes has no room for the largest frame", blockSize)
	}
}
