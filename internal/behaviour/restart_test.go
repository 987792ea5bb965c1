package behaviour_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// restarts are more scenes whose findings rest on what counts for minutes or hours.
var restarts = []struct {
	name string
	play func(w *world, at int64)
}{
	{"upload of parts", func(w *world, at int64) {
		for i := range int64(30) {
			o := traffic("203.0.113.66:443", "files.example", at+i*30e9)
			o.Up, o.Down = 50_000, 1000
			w.Observe(o)
		}
	}},
	{"upload of a day", func(w *world, at int64) {
		for i := range int64(60) {
			o := traffic("203.0.113.66:443", "files.example", at-at%day+day+i*hour/4)
			o.Up, o.Down = 1_000_000, 1000
			w.Observe(o)
		}
	}},
	{"upload of a day after a call", func(w *world, at int64) {
		for i := range int64(50) {
			o := traffic("203.0.113.66:443", "files.example", at-at%day+day+i*hour/4)
			o.Up, o.Down = 2<<20, 1000
			if i < 20 {
				o.Down = 1800 << 10
			}
			w.Observe(o)
		}
	}},
	{"long connections of a day", func(w *world, at int64) {
		for i := range int64(9) {
			o := traffic("203.0.113.66:443", fmt.Sprintf("chat%d.example", i), at-at%day+day+i*hour)
			o.Duration, o.Connection = 2*hour, uint64(i+1)
			w.Observe(o)
		}
	}},
	{"slow tunnel", func(w *world, at int64) {
		rng := rand.New(rand.NewPCG(6, 6))
		for i := range int64(12) {
			w.Observe(asked(randomText(rng, "abcdefghijklmnopqrstuvwxyz234567", 30)+".t.example", "t.example", at+i*240e9))
		}
	}},
	{"tunnel of a day", func(w *world, at int64) {
		rng := rand.New(rand.NewPCG(6, 7))
		for i := range int64(25) {
			domain := fmt.Sprintf("t%d.example", i%12)
			w.Observe(asked(randomText(rng, "qxzjkvwpfhbcdg57", 26)+"."+domain, domain, at+i*1800e9))
		}
	}},
	{"ports without an answer", func(w *world, at int64) {
		for i := range int64(12) {
			to := fmt.Sprintf("203.0.113.9:%d", 100+i)
			w.Observe(contact("work", to, "", at+i*10e9))
			o := traffic(to, "", at+i*10e9+4e9)
			o.DownPackets, o.Down, o.Up = 0, 0, 60
			w.Observe(o)
		}
	}},
	{"neighbours", func(w *world, at int64) {
		for i := range int64(5) {
			o := contact("work", fmt.Sprintf("192.168.1.%d:9100", i+1), "", at+i*60e9)
			o.Place = behaviour.LAN
			w.connect(o)
		}
	}},
	{"logins", func(w *world, at int64) {
		for i := range int64(25) {
			o := traffic("203.0.113.66:22", "", at+i*5e9)
			o.Up = uint64(2000 + i%3*50)
			w.Observe(o)
		}
	}},
	{"many that are new", func(w *world, at int64) {
		for i := range int64(6) {
			w.connect(contact("work", "203.0.113.66:443", fmt.Sprintf("new%d.example", i), at+i*60e9))
		}
	}},
}

// replayed returns what a scene finds with a restart before an observation, without names;
// and how many observations it has.
func replayed(t *testing.T, play func(*world, int64), restart int) (found []string, n int) {
	t.Helper()
	w := newWorld(nil)
	at := w.work("work", rand.New(rand.NewPCG(1, 1)))
	w.findings = nil
	w.before = func() {
		if n++; n-1 != restart {
			return
		}
		next := newWorld(func(c *behaviour.Config) {
			c.Report = func(f *behaviour.Finding) { w.findings = append(w.findings, *f) }
		})
		if err := next.Restore(w.Snapshot()); err != nil {
			t.Fatal(err)
		}
		w.Engine = next.Engine
	}
	play(w, at)
	for i := range w.findings {
		f := &w.findings[i]
		reason, _, _ := strings.Cut(f.Reason, " (") // no name is kept
		if f.Rule == behaviour.Scan {               // it is found later by the contact that waited for an answer
			reason, _, _ = strings.Cut(reason, ":")
		}
		found = append(found, fmt.Sprintf("%s %s %d %d %s", w.rules()[i], f.Domain, f.Count, f.BytesUp, reason))
	}
	return found, n
}

// TestEngine_restart_anywhere finds the same in each scene, whichever observation is the first
// after a restart. Contact by address is left out: it takes an hour of queries after a start.
func TestEngine_restart_anywhere(t *testing.T) {
	t.Parallel()
	for _, s := range append(restarts, scenes...) {
		if s.name == "direct-ip" {
			continue
		}
		want, n := replayed(t, s.play, -1)
		if len(want) == 0 {
			t.Errorf("%s: nothing is found", s.name)
		}
		for i := range min(n, 60) {
			got, _ := replayed(t, s.play, i)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: a restart before observation %d of %d changes the findings (-want +got):\n%s", s.name, i, n, diff)
				break
			}
		}
	}
}

// TestEngine_restart_hours knows after a restart which hours of the week were counted, as it would seem
// that there is more activity in earlier weeks than there was.
func TestEngine_restart_hours(t *testing.T) {
	t.Parallel()
	week := start - start%(7*day) + 7*day
	play := func(w *world, _ int64) {
		for d := range int64(27) {
			for h := range int64(7) {
				w.connect(contact("work", "192.0.2.1:443", "site1.example", week+d*day+h*hour))
			}
			if d == 5 {
				w.connect(contact("work", "192.0.2.1:443", "site1.example", week+d*day+16*hour))
			}
		}
		o := traffic("192.0.2.1:443", "site1.example", week+26*day+16*hour)
		o.Down = 500_000
		w.Observe(o)
	}
	want, n := replayed(t, play, -1)
	if got, _ := replayed(t, play, n-1); !slices.Equal(want, got) {
		t.Errorf("found %v after a restart; want %v", got, want)
	}
}

// TestEngine_scan_late names the host that did not answer, not the one that was contacted when
// that was clear.
func TestEngine_scan_late(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	for i := range int64(15) {
		w.Observe(contact("work", fmt.Sprintf("203.0.113.9:%d", 100+i), "", start+i*1e8))
	}
	o := contact("work", "192.168.1.1:80", "", start+60e9)
	o.Place = behaviour.LAN
	w.connect(o)
	found := 0
	for i := range w.findings {
		if f := &w.findings[i]; f.Rule == behaviour.Scan {
			found++
			if !strings.Contains(f.Reason, "203.0.113.9") || f.Level != behaviour.Medium {
				t.Errorf("%s %s; want a scan of 203.0.113.9 at medium", f.Level, f.Reason)
			}
		}
	}
	if found == 0 {
		t.Error("no scan is found")
	}
}

// TestEngine_restart_waiting does not count contacts that wait for an answer as failures: the
// answers came while no one looked.
func TestEngine_restart_waiting(t *testing.T) {
	t.Parallel()
	found, _ := replayed(t, func(w *world, at int64) {
		for i := range int64(15) {
			w.Observe(contact("work", fmt.Sprintf("203.0.113.9:%d", 100+i), "site1.example", at+i*1e8))
		}
		w.connect(contact("work", "192.0.2.1:443", "site1.example", at+60e9))
	}, 15)
	for _, f := range found {
		if strings.HasPrefix(f, "scan") {
			t.Errorf("found %s", f)
		}
	}
}

// TestEngine_Restore_older reads a state without what counts for minutes or hours.
func TestEngine_Restore_older(t *testing.T) {
	t.Parallel()
	text, with := state(1)
	le := binary.LittleEndian
	old := append([]byte("qbh2"), text[4:12]...)
	for b := text[12:]; len(b) > 0; {
		part := b[8 : 8+le.Uint32(b)]
		b = b[8+len(part):]
		part = part[4 : 4+le.Uint32(part)]
		old = le.AppendUint32(old, uint32(len(part)))
		old = append(le.AppendUint32(old, crc32.Checksum(part, crc32.MakeTable(crc32.Castagnoli))), part...)
	}
	now := with()
	if err := now.Restore(text); err != nil {
		t.Fatal(err)
	}
	for _, old := range [][]byte{old, append([]byte("qbh3"), text[4:]...), append([]byte("qbh4"), text[4:]...)} {
		w := with()
		if err := w.Restore(old); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(now.Profiles(""), w.Profiles("")); diff != "" || len(w.Profiles("")) != 2 {
			t.Errorf("%s: profiles mismatch (-want +got):\n%s", old[:4], diff)
		}
	}
}
