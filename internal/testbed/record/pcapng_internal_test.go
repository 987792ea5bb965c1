//go:build linux

package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/pcapgo"
)

func TestWritePcapng(t *testing.T) {
	t.Parallel()

	start := time.Date(2026, 11, 21, 20, 0, 0, 123456789, time.UTC)
	packets := []packet{
		{iface: 0, time: start, data: []byte("fourteen bytes and more")},
		{iface: 1, time: start.Add(time.Nanosecond), outbound: true, data: []byte("1234")},
	}
	var b bytes.Buffer
	err := writePcapng(&b, []string{"vif4.0", "vif5.0"}, packets)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(b.Bytes()), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range packets {
		data, ci, err := r.ReadPacketData()
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if !bytes.Equal(data, want.data) || !ci.Timestamp.Equal(want.time) || ci.InterfaceIndex != want.iface {
			t.Errorf("packet %d = %q, %v", i, data, ci)
		}
	}
	var names []string
	for i := range r.NInterfaces() {
		ifi, err := r.Interface(i)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, ifi.Name)
	}
	if diff := cmp.Diff([]string{"vif4.0", "vif5.0"}, names); diff != "" {
		t.Errorf("interfaces mismatch (-want +got):\n%s", diff)
	}
	// The reader does not return the flags: the last packet's are before its
	// end of options and length.
	tail := b.Bytes()[b.Len()-16:]
	if want := []byte{2, 0, 4, 0, flagOutbound, 0, 0, 0, 0, 0, 0, 0}; !bytes.Equal(tail[:12], want) {
		t.Errorf("options = % x; want % x", tail[:12], want)
	}
}
