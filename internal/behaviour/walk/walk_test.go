package walk_test

import (
	"net/netip"
	"testing"
	"unsafe"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/walk"
)

const start = int64(1_700_000_000e9)

// attempt is a contact and how it ends.
type attempt struct {
	host    uint64
	port    uint16
	proto   uint8
	outcome byte // + answered, - refused, 0 no answer
}

// run makes an attempt each second and returns the alarms, with the attempts before each.
func run(n int, next func(i int) attempt) (alarms []walk.Alarm, after []int) {
	var w walk.Walker
	for i := range n {
		x := next(i)
		c := walk.Contact{At: start + int64(i)*1e9, Host: x.host, Port: x.port, Proto: x.proto}
		var a walk.Alarm
		w.Begin(&c, &a)
		if x.outcome != 0 {
			w.Answer(&c, x.outcome == '-', &a)
		}
		if a.Kind != walk.None {
			alarms, after = append(alarms, a), append(after, i+1)
		}
	}
	return alarms, after
}

// TestWalker finds scans after ten first contacts or so, and no client that fails now and
// then.
func TestWalker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		next  func(i int) attempt
		want  walk.Kind // of the first alarm
		after int       // attempts at most
	}{
		{"refused, one port", func(i int) attempt { return attempt{uint64(i), 22, 6, '-'} }, walk.Sweep, 8},
		{"refused, all different", func(i int) attempt { return attempt{uint64(i), uint16(i), 6, '-'} }, walk.Walk, 9},
		{"no answer", func(i int) attempt { return attempt{uint64(i), uint16(i), 6, 0} }, walk.Walk, 16},
		{"ports of one host", func(i int) attempt { return attempt{7, uint16(i), 6, '-'} }, walk.Walk, 9},
		{"datagrams to one host", func(i int) attempt { return attempt{7, uint16(1000 + i), 17, 0} }, walk.Vertical, 17},
		{"echoes to a network", func(i int) attempt { return attempt{uint64(i), 0, 1, 0} }, walk.Sweep, 15},
		{"echoes to a network that answers", func(i int) attempt { return attempt{uint64(i), 0, 1, '+'} }, walk.Hosts, 16},
		{"search for neighbours", func(i int) attempt { return attempt{uint64(i), 0, 0, 0} }, walk.Neighbours, 22},
		{"search for neighbours that are there", func(i int) attempt { return attempt{uint64(i), 0, 0, '+'} }, walk.None, 0},
		{"search for one neighbour", func(int) attempt { return attempt{1, 0, 0, 0} }, walk.None, 0},
		{"servers of a game, one in five dead", func(i int) attempt { return attempt{uint64(i), 27015, 17, "\x00++++"[i%5]} }, walk.None, 0},
		{"the same among others", func(i int) attempt {
			return attempt{uint64(i), [...]uint16{27015, 27031}[i%5/4], 17, "\x00++++"[i/5%5]}
		}, walk.None, 0},
		{"datagrams to hosts, one in five answers", func(i int) attempt { return attempt{uint64(i), 161, 17, "\x00+\x00\x00\x00"[i%5]} }, walk.Sweep, 20},
		{"traceroute", func(i int) attempt { return attempt{7, uint16(33434 + i), 17, 0} }, walk.None, 0},
		{"one in four fails", func(i int) attempt { return attempt{uint64(i), uint16(i), 6, "+++-"[i%4]} }, walk.None, 0},
		{"NetBIOS names of a network", func(i int) attempt { return attempt{uint64(i), 137, 17, 0} }, walk.Sweep, 41},
		{"QUIC to a network", func(i int) attempt { return attempt{uint64(i), 443, 17, 0} }, walk.Sweep, 57},
		{"some servers of QUIC", func(i int) attempt { return attempt{uint64(i % 40), 443, 17, 0} }, walk.None, 0},
		{"some peers of a VPN", func(i int) attempt { return attempt{uint64(i % 30), 4500, 17, 0} }, walk.None, 0},
		{"traceroute to many", func(i int) attempt { return attempt{uint64(i), 33434, 17, 0} }, walk.None, 0},
		{"one server, down", func(int) attempt { return attempt{1, 443, 6, 0} }, walk.None, 0},
		{"name servers that do not answer", func(i int) attempt { return attempt{uint64(i), 53, 17, 0} }, walk.None, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			alarms, after := run(60, tt.next)
			if tt.want == walk.None {
				if len(alarms) > 0 {
					t.Errorf("alarm %+v after %d attempts; want none", alarms[0], after[0])
				}
				return
			}
			if len(alarms) == 0 || alarms[0].Kind != tt.want || after[0] > tt.after || alarms[0].Failures == 0 || alarms[0].Since == 0 {
				t.Errorf("alarms %+v after %v attempts; want %v after at most %d", alarms, after, tt.want, tt.after)
			}
		})
	}
}

// TestWalker_Bare finds bare segments to many ports of a host, or to more hosts than a capture that begins
// in the middle has connections with, each once.
func TestWalker_Bare(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		next func(i int) walk.Contact
		n    int
		want walk.Kind
	}{
		"ports":                 {func(i int) walk.Contact { return walk.Contact{Host: 7, Port: uint16(i)} }, 10, walk.Vertical},
		"few ports":             {func(i int) walk.Contact { return walk.Contact{Host: 7, Port: uint16(i % 9)} }, 60, walk.None},
		"hosts":                 {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: 22} }, 32, walk.Sweep},
		"few hosts":             {func(i int) walk.Contact { return walk.Contact{Host: uint64(i % 31), Port: 22} }, 62, walk.None},
		"hosts, named":          {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: 22, Named: true} }, 62, walk.None},
		"web":                   {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: 443} }, 100, walk.None},
		"web, plain":            {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: 80} }, 100, walk.None},
		"near web":              {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: 80, Near: true} }, 32, walk.Sweep},
		"web and more":          {func(i int) walk.Contact { return walk.Contact{Host: 7, Port: uint16(434 + i)} }, 10, walk.Vertical},
		"web, from one port":    {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: 443, From: 50001} }, 16, walk.Sweep},
		"web, from a port each": {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: 443, From: uint16(50001 + i)} }, 100, walk.None},
		"web, one host": {func(i int) walk.Contact {
			return walk.Contact{Host: 7, Port: uint16(80 + i%2*363), From: uint16(50001 + i)}
		}, 100, walk.None},
	} {
		var w walk.Walker
		var a walk.Alarm
		for i := range tt.n {
			if a.Kind != walk.None {
				t.Errorf("%s: alarm %v after %d; want %d", name, a, i, tt.n)
				break
			}
			c := tt.next(i)
			c.At, c.Proto = start+int64(i)*1e9, 6
			w.Bare(&c, &a)
		}
		if a.Kind != tt.want || a.Kind != walk.None && (a.Last.Proto != 6 || a.Last.Port != tt.next(tt.n-1).Port) {
			t.Errorf("%s: alarm %+v; want %v", name, a, tt.want)
		}
	}
}

// TestWalker_named does not take hosts that have names for a sweep, and counts them in a walk; the
// ports of one host are as many as without.
func TestWalker_named(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		host func(i int) uint64
		want walk.Alarm
	}{
		"hosts":    {func(i int) uint64 { return uint64(1 + i) }, walk.Alarm{Kind: walk.Walk, Failures: 9, Named: 9, Contacts: 9}},
		"one host": {func(int) uint64 { return 1 }, walk.Alarm{Kind: walk.Walk, Failures: 9, Named: 1, Contacts: 9}},
	} {
		var w walk.Walker
		var a walk.Alarm
		for i := 0; i < 20 && a.Kind == walk.None; i++ {
			c := walk.Contact{At: start + int64(i)*1e9, Host: tt.host(i), Port: 443, Proto: 6, Named: true}
			if name == "one host" {
				c.Port = uint16(100 + i)
			}
			w.Begin(&c, &a)
			w.Answer(&c, true, &a)
		}
		if tt.want.Since, tt.want.Last = a.Since, a.Last; a != tt.want {
			t.Errorf("%s: alarm %+v; want %+v", name, a, tt.want)
		}
	}
}

// TestWalker_peers takes datagrams to peers for a sweep only when there are many, and says whether so many
// answer as of peers, but no scanner.
func TestWalker_peers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		port    uint16
		near    bool
		answers string // of some in a row
		want    walk.Alarm
	}{
		"a service":           {161, false, "-----", walk.Alarm{Kind: walk.Sweep, Failures: 8}},
		"neighbours":          {6881, true, "-----", walk.Alarm{Kind: walk.Sweep, Failures: 8}},
		"no peers":            {6881, false, "-----", walk.Alarm{Kind: walk.Sweep, Failures: 16}},
		"one of five answers": {6881, false, "-+---", walk.Alarm{Kind: walk.Sweep, Failures: 32, Peers: true}},
		"one of twenty":       {6881, false, "-+------------------", walk.Alarm{Kind: walk.Sweep, Failures: 32}},
		"most":                {6881, false, "-++++", walk.Alarm{}},
	} {
		var w walk.Walker
		var a walk.Alarm
		for i := 0; i < 60 && a.Kind == walk.None; i++ {
			c := walk.Contact{At: start + int64(i)*1e9, Host: uint64(i), Port: tt.port, Proto: 17, Near: tt.near}
			w.Begin(&c, &a)
			w.Answer(&c, tt.answers[i%len(tt.answers)] == '-', &a)
		}
		if tt.want.Contacts, tt.want.Since, tt.want.Last = a.Contacts, a.Since, a.Last; a != tt.want {
			t.Errorf("%s: alarm %+v; want %+v", name, a, tt.want)
		}
	}
}

// TestWalker_Answer takes an answer for that to a contact that began before the client was told the name of
// its address, as of a program that remembers addresses and asks meanwhile.
func TestWalker_Answer(t *testing.T) {
	t.Parallel()
	var w walk.Walker
	var a walk.Alarm
	for i := range 20 {
		c := walk.Contact{At: start + int64(i)*10e9, Host: uint64(i), Port: 443, Proto: 6, Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})}
		w.Begin(&c, &a)
		c.Host, c.Named = uint64(1000+i), true
		w.Answer(&c, false, &a)
	}
	if a.Kind != walk.None {
		t.Errorf("alarm %+v; want none", a)
	}
}

// TestWalker_scattered says of contacts that fail whether they are as those with peers, which have a port
// each.
func TestWalker_scattered(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		next func(i int) walk.Contact
		want bool
	}{
		"peers":             {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: uint16(5000 + i)} }, true},
		"some at one port":  {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: uint16(5000 + max(i, 3))} }, true},
		"half at one port":  {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: uint16(5000 + max(i, 5))} }, false},
		"ports of services": {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: uint16(1016 + i)} }, false},
		"ports of one host": {func(i int) walk.Contact { return walk.Contact{Host: 7, Port: uint16(5000 + i)} }, false},
		"neighbours":        {func(i int) walk.Contact { return walk.Contact{Host: uint64(i), Port: uint16(5000 + i), Near: true} }, false},
	} {
		var w walk.Walker
		var a walk.Alarm
		for i := range 9 {
			c := tt.next(i)
			c.At, c.Proto = start+int64(i)*1e9, 6
			w.Begin(&c, &a)
			w.Answer(&c, true, &a)
		}
		if a.Kind != walk.Walk || a.Peers != tt.want {
			t.Errorf("%s: alarm %+v; want a walk, of peers = %v", name, a, tt.want)
		}
	}
}

// TestWalker_scattered_again says the same of a second walk, whose contacts have begun before the first was found.
func TestWalker_scattered_again(t *testing.T) {
	t.Parallel()
	var w walk.Walker
	peer := func(i int) *walk.Contact {
		return &walk.Contact{At: start + int64(i)*1e8, Host: uint64(i), Port: uint16(5000 + i), Proto: 6}
	}
	for i := range 18 {
		w.Begin(peer(i), new(walk.Alarm))
	}
	for i := range 18 {
		var a walk.Alarm
		if w.Answer(peer(i), true, &a); (a.Kind == walk.Walk) != (i%9 == 8) || a.Kind == walk.Walk && !a.Peers {
			t.Errorf("alarm %+v after %d; want one of peers after 9 and 18", a, i+1)
		}
	}
}

// TestWalker_scattered_after says the same of a walk after one over the ports of a host.
func TestWalker_scattered_after(t *testing.T) {
	t.Parallel()
	alarms, _ := run(18, func(i int) attempt { return attempt{uint64(max(i, 8)), uint16(5000 + i), 6, '-'} })
	if len(alarms) != 2 || alarms[0].Peers || !alarms[1].Peers {
		t.Errorf("alarms %+v; want two walks, the second of peers", alarms)
	}
}

// TestWalker_scattered_few takes no few contacts for those with peers, of which the others were those of a
// sweep.
func TestWalker_scattered_few(t *testing.T) {
	t.Parallel()
	alarms, _ := run(30, func(i int) attempt { return attempt{uint64(i), 5001, 6, '-'} })
	for _, a := range alarms {
		if a.Peers {
			t.Errorf("alarm %+v; want none of peers", a)
		}
	}
	if len(alarms) < 2 {
		t.Errorf("%d alarms; want a sweep and a walk", len(alarms))
	}
}

// TestWalker_late takes an answer in time, and not one that comes too late.
func TestWalker_late(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		delay int64
		want  int
	}{{4e9, 0}, {6e9, 1}} {
		var w walk.Walker
		alarms := 0
		for i := range int64(9) {
			var a walk.Alarm
			c := walk.Contact{At: start + i*20e9, Host: uint64(i), Port: uint16(i), Proto: 6}
			w.Begin(&c, &a)
			w.Expire(c.At+tt.delay, &a)
			w.Answer(&c, false, &a)
			if a.Kind != walk.None {
				alarms++
			}
		}
		if alarms != tt.want {
			t.Errorf("%d alarms with answers after %d s; want %d", alarms, tt.delay/1e9, tt.want)
		}
	}
}

// TestWalker_size keeps a client within its bound.
func TestWalker_size(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(walk.Walker{}); n > 8<<10 {
		t.Errorf("a client takes %d bytes; want at most 8192", n)
	}
}

// FuzzWalker takes contacts and answers in any order and at any time.
func FuzzWalker(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, data []byte) {
		var w walk.Walker
		at := start
		for ; len(data) >= 4; data = data[4:] {
			at += int64(int8(data[0])) * 1e9
			c := walk.Contact{At: at, Host: uint64(data[1]), Port: uint16(data[2]), Proto: [...]uint8{6, 17, 1, 58}[data[3]%4]}
			var a walk.Alarm
			if data[3]&0x20 != 0 {
				w.Bare(&c, &a)
			} else if data[3]&0x80 != 0 {
				w.Answer(&c, data[3]&0x40 != 0, &a)
			} else {
				w.Begin(&c, &a)
			}
			if a.Kind != walk.None && a.Failures < 8 {
				t.Fatalf("alarm %+v", a)
			}
		}
	})
}

// BenchmarkWalker is what a contact costs.
func BenchmarkWalker(b *testing.B) {
	b.ReportAllocs()
	var w walk.Walker
	var a walk.Alarm
	c := walk.Contact{At: start, Proto: 6}
	for b.Loop() {
		c.At += 1e6
		c.Host++
		w.Begin(&c, &a)
		w.Answer(&c, false, &a)
	}
}
