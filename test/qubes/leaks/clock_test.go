package leaks_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// negative is an age below zero.
var negative = regexp.MustCompile(`-[0-9.]+ ?(ns|µs|ms|s|m|h|min)\b`)

// TestReplay_clock (scene 50) sets the clock back by an hour in the middle of each recording,
// and has packets come out of order. No verdict changes, and no age is negative.
func TestReplay_clock(t *testing.T) {
	t.Parallel()
	for _, name := range recordings(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			r := readRecorded(t, name)
			if r.Probes != nil {
				t.Skip("a probe has its time")
			}
			all := readFrames(t, name)
			random := rand.New(rand.NewPCG(1, 2))
			for i := range all {
				if i >= len(all)/2 {
					all[i].at -= int64(time.Hour)
				}
				all[i].at += random.Int64N(int64(100 * time.Microsecond))
			}
			all = append(all, later(all[len(all)-1:], 3*time.Second, nil, nil)...) // the time between two packets was lost
			v := view(t, writeFrames(t, name, all), &r)
			compare(t, verdictsOf(v), r.Want)
			for _, l := range v.Verdicts {
				if negative.MatchString(l.Text) {
					t.Errorf("%s of %s has a negative age: %s", l.Check, l.Subject, l.Text)
				}
			}
		})
	}
}

// TestReplay_same gives the same verdicts, byte for byte, each time.
func TestReplay_same(t *testing.T) {
	t.Parallel()
	r := readRecorded(t, "testdata/05-wireguard-ended")
	first, second := view(t, "testdata/05-wireguard-ended.pcapng", &r), view(t, "testdata/05-wireguard-ended.pcapng", &r)
	var texts [2]string
	for i, v := range []*judge.View{first, second} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] {
		t.Errorf("the second time:\n%s\nthe first:\n%s", texts[1], texts[0])
	}
}

// TestReplay_relay (scene 41) takes the relays that Tor has used out of the list: unknown at
// first, for the list may be old, and a fail after 24 hours.
func TestReplay_relay(t *testing.T) {
	t.Parallel()
	const name = "testdata/40-tor"
	r, all := readRecorded(t, name), readFrames(t, name)
	play := func(all []kept, want string) {
		t.Helper()
		path := writeFrames(t, name, all)
		list := strings.TrimSuffix(path, ".pcapng") + ".consensus"
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(list, []byte(strings.ReplaceAll(string(text), " 203.0.113.2", " 203.0.114.2")), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Log(compare(t, verdictsOf(view(t, path, &r)), want))
	}
	play(all, "TOR-3 sys-vpn unknown(no-expectation); TOR-1 sys-vpn pass")
	play(slices.Concat(all, later(all, 25*time.Hour, nil, nil)), "TOR-3 sys-vpn fail; TOR-1 sys-vpn pass")
}
