package pcapfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
)

// TestReader_Next_roundTrip reads what a Writer wrote.
func TestReader_Next_roundTrip(t *testing.T) {
	t.Parallel()

	buf := &bytes.Buffer{}
	w, err := pcapfile.NewWriter(buf)
	if err != nil {
		t.Fatal(err)
	}

	want := []pcapfile.Record{
		{Data: []byte{1, 2, 3}, OrigLen: 3, Micros: 1_736_942_400_000_001},
		{Data: []byte{}, OrigLen: 1500, Micros: 1_736_942_401_999_999},
	}
	for _, rec := range want {
		if err = w.Write(rec.Micros, rec.Data, rec.OrigLen); err != nil {
			t.Fatal(err)
		}
	}

	if err = w.Flush(); err != nil {
		t.Fatal(err)
	}

	r, err := pcapfile.NewReader(buf)
	if err != nil {
		t.Fatal(err)
	}

	var got []pcapfile.Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}

		rec.Data = bytes.Clone(rec.Data)
		got = append(got, rec)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records mismatch (-want +got):\n%s", diff)
	}
}

// TestReader_Next_bigEndian reads nanoseconds in network byte order, then runs
// into the end of a cut record.
func TestReader_Next_bigEndian(t *testing.T) {
	t.Parallel()

	var b []byte
	for _, v := range []uint32{
		0xa1b23c4d, 0x00020004, 0, 0, 65535, 1, // file header
		7, 5_999, 2, 60, // record header: seconds, nanoseconds, lengths
	} {
		b = binary.BigEndian.AppendUint32(b, v)
	}

	b = append(b, 0xaa, 0xbb, 0, 0, 0)

	r, err := pcapfile.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}

	got, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}

	want := pcapfile.Record{Data: []byte{0xaa, 0xbb}, OrigLen: 60, Micros: 7_000_005}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record mismatch (-want +got):\n%s", diff)
	}

	if _, err = r.Next(); !errors.Is(err, pcapfile.ErrFormat) {
		t.Errorf("Next = %v; want %v", err, pcapfile.ErrFormat)
	}
}
