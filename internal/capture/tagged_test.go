package capture_test

import (
	"bytes"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestFrame_Tagged puts a tag back where the kernel has taken it from, and copies nothing
// otherwise.
func TestFrame_Tagged(t *testing.T) {
	t.Parallel()
	data := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x08\x00payload")
	f := capture.Frame{Data: data, Link: packet.LinkEthernet}
	if got := f.Tagged(nil); &got[0] != &data[0] || len(got) != len(data) {
		t.Errorf("Tagged = % x; want Data itself", got)
	}
	f.HasVLAN, f.VLANType, f.VLAN = true, 0x8100, 0x0123
	want := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x81\x00\x01\x23\x08\x00payload")
	if got := f.Tagged(make([]byte, 100)); !bytes.Equal(got, want) {
		t.Errorf("Tagged = % x; want % x", got, want)
	}
	f.EtherType = 0x0800
	if got := f.Tagged(nil); &got[0] != &data[0] || f.FileLink() != packet.LinkRaw {
		t.Errorf("Tagged = % x, link %d; want Data itself, without a link header", got, f.FileLink())
	}
}
