package capture_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// totals are what a capture holds.
type totals struct{ frames, bytes int }

// sharedCaptures returns the files that others made; it skips the test where
// there are none.
func sharedCaptures(t *testing.T) (paths []string) {
	t.Helper()
	shared := os.Getenv("QUBESBEAT_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	err := filepath.WalkDir(filepath.Join(shared, "captures"), func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "expected":
			return fs.SkipDir
		case e.Type().IsRegular():
			paths = append(paths, path)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no captures: set QUBESBEAT_SHARED to the directory that holds captures/")
	}
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestFile_capinfos compares the number and the length of the packets of every
// capture with what Wireshark's capinfos counts.
func TestFile_capinfos(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("reads 60 MB of captures; run without -short")
	}
	paths := sharedCaptures(t)
	if _, err := exec.LookPath("capinfos"); err != nil {
		t.Skip("capinfos is not installed: apt-get install tshark")
	}
	want := capinfos(t, paths)
	var sum, refused, compared totals
	for _, path := range paths {
		got, err := count(path)
		if err != nil {
			checkRefusal(t, path, err)
			refused.frames++
		}
		theirs, ok := want[path]
		if !ok { // capinfos stops at what it cannot read; tshark reads the packets before it
			theirs, ok = tshark(t, path)
		}
		if note := judged[filepath.Base(path)]; note != "" {
			t.Logf("%s: %v; Wireshark says %v: %s", path, got, theirs, note)
			continue
		}
		if err != nil && got.frames == 0 {
			t.Logf("%v (Wireshark says %v)", err, theirs)
			continue
		}
		if !ok || got != theirs {
			t.Errorf("%s: %v; Wireshark says %v %v (we: %v)", path, got, theirs, ok, err)
		}
		compared.frames++
		sum.frames += got.frames
		sum.bytes += got.bytes
	}
	t.Logf("%d of %d files compared: %d frames of %d bytes; %d end in an error", compared.frames, len(paths), sum.frames, sum.bytes, refused.frames)
}

// judged are the files whose differences were looked into, with the finding.
var judged = map[string]string{
	"linktype-reserved-field-not-zero.pcap": "no packets; the reserved bits of the link type are not looked at",
	"aoe-oobr-1.pcap":                       "more captured than there was on the wire: the larger number counts",
	"pim_header_asan-2.pcap":                "more captured than there was on the wire: the larger number counts",
	"rsvp-rsvp_obj_print-oobr.pcap":         "more captured than there was on the wire: the larger number counts",
}

// count reads a file to its end or its damage.
func count(path string) (got totals, err error) {
	f, err := capture.OpenFile(path, nil)
	if err != nil {
		return got, err
	}
	frames, err := readAll(f)
	for _, frame := range frames {
		got.frames++
		got.bytes += int(frame.Length)
	}
	return got, errors.Join(err, f.Close())
}

// checkRefusal checks that the error for a file helps its user.
func checkRefusal(t *testing.T, path string, err error) {
	t.Helper()
	var format *capture.FormatError
	if !errors.As(err, &format) || format.File != path || format.What == "" || format.Hint == "" {
		t.Errorf("%s: error %v; want a FormatError with the path and a hint", path, err)
	}
}

// capinfos returns the totals of the files that capinfos can read to their end.
func capinfos(t *testing.T, paths []string) map[string]totals {
	t.Helper()
	// It fails for the files that it cannot read and goes on with the others.
	out, _ := exec.Command("capinfos", append([]string{"-T", "-M", "-r", "-c", "-d"}, paths...)...).Output()
	all := map[string]totals{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) == 3 {
			all[fields[0]] = totals{number(t, fields[1]), number(t, fields[2])}
		}
	}
	if len(all) == 0 {
		t.Fatalf("capinfos read none of %d files", len(paths))
	}
	return all
}

// tshark counts the packets of one file. It returns false if tshark cannot read it.
func tshark(t *testing.T, path string) (got totals, ok bool) {
	t.Helper()
	out, _ := exec.Command("tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.len").Output()
	for _, length := range bytes.Fields(out) {
		got.frames++
		got.bytes += number(t, string(length))
	}
	return got, got.frames > 0
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
