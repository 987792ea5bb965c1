package sweep_test

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

func TestMain(m *testing.M) { beat.Main(m, func() error { return cmd.Root().Execute() }) }

// What is tried: QUBESBEAT_SWEEP=1 asks for all of it, and a path for the captures of a
// folder alone.
const (
	rounds   = 10  // variants of each capture, beside the capture as it is
	perRun   = 40  // captures in one run of the beat
	sample   = 100 // without QUBESBEAT_SWEEP, one capture in so many, once
	most     = 8 << 20
	runTime  = 5 * time.Minute
	changes  = 4096 // bytes in which one is changed, on average
	fixtures = "captures labelled"
)

// config has every analyzer, and the flows' server names.
var config = strings.ReplaceAll(beat.AllProtocols, "packetbeat.", "qubesbeat.") + `
qubesbeat.flows: {timeout: 30s, period: -1s}
output.file: {path: HOME/out, filename: events, rotate_every_kb: 1048576}
logging.to_stderr: true
logging.level: error
`

// TestSweep replays captures as they are, and then changed.
func TestSweep(t *testing.T) {
	all, times := captures(t), rounds
	if os.Getenv("QUBESBEAT_SWEEP") == "" {
		all, times = thin(all), 1
	}
	s := sweep{T: t}
	var whole, refused []string // by whether the beat reads the capture to its end
	for _, path := range all {
		if s.replay(0, path) {
			whole = append(whole, path)
		} else {
			refused = append(refused, path)
		}
	}
	t.Logf("%d captures: %d are read to their end, %d are refused or cut off; %d events", len(all), len(whole), len(refused), s.events)
	for round := 1; round <= times; round++ {
		n := perRun
		if breaks(round) {
			n = 1
		}
		for part := range slices.Chunk(whole, n) {
			if !s.replay(round, part...) && !breaks(round) {
				t.Errorf("round %d: the captures from %s to %s are not read to their end", round, part[0], part[len(part)-1])
			}
		}
		for _, path := range refused { // what follows in a run would not be read
			s.replay(round, path)
		}
		t.Logf("round %d of %d: %d events so far", round, times, s.events)
	}
	if s.events == 0 {
		t.Error("no events at all")
	}
}

// crash is how the Go runtime ends a program.
var crash = regexp.MustCompile(`(?m)^(panic|fatal error|SIG[A-Z]+): `)

// breaks reports whether a round also changes the structure of files.
func breaks(round int) bool { return round%5 == 4 }

// captures returns packetbeat's captures and those of the shared folder, if it is there.
func captures(t *testing.T) (all []string) {
	t.Helper()
	if dir := os.Getenv("QUBESBEAT_SWEEP"); filepath.IsAbs(dir) {
		return capturesIn(t, dir)
	}
	all = fixture.BeatsCaptures(t)
	for dir := range strings.FieldsSeq(fixtures) {
		all = append(all, capturesIn(t, fixture.SharedPath(t, dir))...)
	}
	return all
}

// capturesIn returns the captures of a folder, and says how many are too large to be
// changed in memory.
func capturesIn(t *testing.T, dir string) (found []string) {
	large := 0
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(filepath.Ext(path), ".pcap") && filepath.Ext(path) != ".cap" {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Size() <= most {
			found = append(found, path)
		} else {
			large++
		}
		return nil
	})
	t.Logf("%s: %d captures, %d more are larger than %d MiB", dir, len(found), large, most>>20)
	return found
}

// thin returns one capture in sample.
func thin(all []string) (some []string) {
	for i := 0; i < len(all); i += sample {
		some = append(some, all[i])
	}
	return some
}

// sweep is one run of the test.
type sweep struct {
	*testing.T
	events int
}

// replay replays variants of captures, one after the other in one run of the beat. It
// reports whether all were read to their end.
func (s *sweep) replay(round int, paths ...string) (whole bool) {
	s.Helper()
	home := beat.NewHome(s)
	c := beat.Self(s, "qubesbeat")
	c.Home = home
	c.Args = beat.Flags(home, beat.Write(s, home, "qubesbeat.yml", config), "-t")
	for i, path := range paths {
		c.Args = append(c.Args, "-I", variant(s.T, home, i, path, round))
	}
	r := c.Run(s, runTime)
	// A panic of an analyzer that was contained is a line of JSON in the log.
	if r.Code > 1 || crash.MatchString(r.Stderr) {
		s.Fatalf("round %d, %s …: exit status %d\n%.4000s", round, paths[0], r.Code, r.Stderr)
	}
	s.events += len(beat.ReadEvents(s, filepath.Join(home, "out"))) // which reads strictly
	_ = os.RemoveAll(home)
	return r.Code == 0
}

// variant writes a copy of a capture with changed bytes. The same capture and round give
// the same bytes everywhere.
func variant(t *testing.T, home string, n int, path string, round int) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(filepath.Base(path)))
	random := rand.New(rand.NewPCG(h.Sum64(), uint64(round)))
	if round > 0 {
		change(data, random, breaks(round))
	}
	name := filepath.Join(home, fmt.Sprintf("%d-%s", n, strings.ReplaceAll(filepath.Base(path), ",", "_")))
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// change changes bytes of the packets of a capture file, or of its structure, too.
func change(data []byte, random *rand.Rand, structure bool) {
	const header = 24 // of a capture file; a changed one is not read at all
	places := packets(data)
	if structure && len(data) > header {
		places = [][]byte{data[header:]}
	}
	if len(places) == 0 {
		return
	}
	for range 1 + random.IntN(4+len(data)/changes*2) {
		if p := places[random.IntN(len(places))]; len(p) > 0 {
			p[random.IntN(len(p))] = byte(random.Uint32())
		}
	}
}

// packets returns the bytes of the packets in a capture file.
func packets(data []byte) [][]byte {
	if len(data) < 24 {
		return nil
	}
	switch binary.LittleEndian.Uint32(data) {
	case 0xa1b2c3d4, 0xa1b23c4d:
		return classic(data[24:], binary.LittleEndian)
	case 0xd4c3b2a1, 0x4d3cb2a1:
		return classic(data[24:], binary.BigEndian)
	case 0x0a0d0d0a:
		return blocks(data)
	}
	return nil
}

// classic returns the packets of records with a header of 16 bytes.
func classic(data []byte, order binary.ByteOrder) (all [][]byte) {
	for len(data) > 16 {
		n := int(min(order.Uint32(data[8:]), uint32(len(data)-16)))
		all = append(all, data[16:16+n])
		data = data[16+n:]
	}
	return all
}

// blocks returns the packets of enhanced packet blocks, in little endian.
func blocks(data []byte) (all [][]byte) {
	const enhanced, head = 6, 28
	for len(data) > head {
		n := int(binary.LittleEndian.Uint32(data[4:]))
		if n < 12 || n > len(data) {
			break
		}
		if binary.LittleEndian.Uint32(data) == enhanced && n > head+4 {
			all = append(all, data[head:n-4])
		}
		data = data[n:]
	}
	return all
}
