package resolver_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// raw is a message that no library would make: the header of an answer to what
// was asked, with these counts, the question, and then anything.
func raw(x *dnstest.Exchange, answers int, rest ...[]byte) []byte {
	end, err := dnsmsg.SkipName(x.Raw, 12)
	if err != nil {
		panic("resolver_test: " + err.Error())
	}
	end += 4
	b := append(bytes.Clone(x.Raw[:2]), 0x81, 0x80, 0, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(answers))
	b = append(append(b, 0, 0, 0, 0), x.Raw[12:end]...)
	return append(b, bytes.Join(rest, nil)...)
}

// record is a record with an owner and a claimed length of its data.
func rawRecord(owner string, qtype uint16, claimed int, data string) []byte {
	b := binary.BigEndian.AppendUint16([]byte(owner), qtype)
	b = append(b, 0, 1, 0, 0, 1, 44) // IN, 300 s
	return append(binary.BigEndian.AppendUint16(b, uint16(claimed)), data...)
}

const (
	toName = "\xc0\x0c" // a pointer to the question's name, "www.example."
	good4  = "\xc0\x00\x02\x50"
	evil4  = "\x06\x06\x06\x06"
)

// label63 are labels of 63 letters: n of them have 64 n bytes.
func label63(n int) string { return strings.Repeat("\x3f"+strings.Repeat("a", 63), n) }

// Messages that lie about themselves, in answer to the right question with the
// right id, fail (RFC 9267). They take no time, and nothing of them is kept.
func TestMalformed(t *testing.T) {
	t.Parallel()
	good := rawRecord(toName, dns.TypeA, 4, good4)
	// The question's name has 13 bytes: the first record begins at 12+13+4 = 29.
	for _, tt := range []struct {
		name string
		make func(x *dnstest.Exchange) []byte
		ok   bool // the true answer is in it and is to be found
	}{
		{"pointer to itself", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord("\xc0\x1d", dns.TypeA, 4, evil4)) }, false},
		{"pointers to each other", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord("\xc0\x1f\xc0\x1d", dns.TypeA, 4, evil4)) }, false},
		{"pointer ahead", func(x *dnstest.Exchange) []byte { return raw(x, 2, rawRecord("\xc0\x2d", dns.TypeA, 4, evil4), good) }, true},
		{"pointer beyond the end", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord("\xff\xff", dns.TypeA, 4, evil4)) }, false},
		{"pointer into the header", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord("\xc0\x00", dns.TypeA, 4, evil4)) }, false},
		{"half a pointer", func(x *dnstest.Exchange) []byte { return raw(x, 1, []byte{0xc0}) }, false},
		{"loop behind a label", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord("\x01a\xc0\x1d", dns.TypeA, 4, evil4)) }, false},
		{"loop in an alias", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(toName, dns.TypeCNAME, 2, "\xc0\x29")) }, false},
		{"loop behind a label in an alias", func(x *dnstest.Exchange) []byte {
			return raw(x, 1, rawRecord(toName, dns.TypeCNAME, 4, "\x01a\xc0\x29"))
		}, false},
		{"label of type 01", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord("\x41\x00", dns.TypeA, 4, evil4)) }, false},
		{"label of type 10", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord("\x81\x00", dns.TypeA, 4, evil4)) }, false},
		{"name of 257", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(label63(4)+"\x00", dns.TypeA, 4, evil4)) }, false},
		{"alias of 257", func(x *dnstest.Exchange) []byte {
			return raw(x, 1, rawRecord(toName, dns.TypeCNAME, 257, label63(4)+"\x00"))
		}, false},
		{"alias of 269 by a pointer", func(x *dnstest.Exchange) []byte {
			return raw(x, 1, rawRecord(toName, dns.TypeCNAME, 258, label63(4)+toName))
		}, false},
		{"name without an end", func(x *dnstest.Exchange) []byte { return raw(x, 1, []byte(label63(8))) }, false},
		{"data beyond the end", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(toName, dns.TypeA, 65535, evil4)) }, false},
		{"data one byte beyond the end", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(toName, dns.TypeTXT, 5, "\x03abc")) }, false},
		{"address of 3 bytes", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(toName, dns.TypeA, 3, evil4[:3])) }, false},
		{"address of 5 bytes", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(toName, dns.TypeA, 5, evil4+"x")) }, false},
		{"address of none", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(toName, dns.TypeA, 0, "")) }, false},
		{"alias with a rest", func(x *dnstest.Exchange) []byte {
			return raw(x, 1, rawRecord(toName, dns.TypeCNAME, 6, "\x01a\x00xyz"))
		}, false},
		{"alias longer than its data", func(x *dnstest.Exchange) []byte { return raw(x, 1, rawRecord(toName, dns.TypeCNAME, 2, "\x01a\x00")) }, false},
		{"data into the next record", func(x *dnstest.Exchange) []byte { return raw(x, 2, rawRecord(toName, dns.TypeA, 8, evil4), good) }, false},
		{"65,535 answers", func(x *dnstest.Exchange) []byte { return raw(x, 65535, good) }, false},
		{"2 answers of 1", func(x *dnstest.Exchange) []byte { return raw(x, 2, good) }, false},
		{"no fixed part", func(x *dnstest.Exchange) []byte { return raw(x, 1, []byte(toName)) }, false},
		{"garbage behind", func(x *dnstest.Exchange) []byte { return raw(x, 1, good, []byte("garbage")) }, true}, // DVE-2017-0001
		{"answer beyond the count", func(x *dnstest.Exchange) []byte { return raw(x, 1, good, rawRecord(toName, dns.TypeA, 4, evil4)) }, true},
		{"65,535 questions", func(x *dnstest.Exchange) []byte { b := raw(x, 1, good); b[4], b[5] = 255, 255; return b }, false},
		{"no record at all", func(x *dnstest.Exchange) []byte { return raw(x, 1) }, false},
		{"question cut off", func(x *dnstest.Exchange) []byte { return raw(x, 1)[:20] }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := dnstest.NewServer(t, func(x *dnstest.Exchange) { x.Send(tt.make(x)) })
			s := start(t, up, waitingIf(tt.ok))
			began := time.Now()
			m := s.ask(t, "www.example", dns.TypeA, nil)
			got := summary(m)
			switch {
			case strings.Contains(got, poison):
				t.Errorf("the client is given %q", got)
			case tt.ok && got != "www.example. A "+truth:
				t.Errorf("got %q; want %s", got, truth)
			case !tt.ok && len(m.Answer) > 0:
				t.Errorf("got %q; want no answer", got)
			}
			if again := summary(s.ask(t, "www.example", dns.TypeA, nil)); again != got {
				t.Errorf("got %q, then %q", got, again)
			}
			if took := time.Since(began); took > longWait/2 {
				t.Errorf("it took %v", took)
			}
			s.clean(t, up)
		})
	}
}

// bombs are messages that are small on the wire and large, or long to read, when
// they are understood.
var bombs = []struct {
	name string
	make func(x *dnstest.Exchange) []byte
}{
	// 8,100 pointers, each to the one before it, 2,000 records owned by the last, and
	// a chain of 16 aliases for each link of which they are looked at.
	{"pointers to pointers", func(x *dnstest.Exchange) []byte {
		rest := []byte("\x01a\x00")
		for i := range 8100 {
			to := 29 + 12 + max(0, 3+2*(i-1))
			rest = append(rest, 0xc0|byte(to>>8), byte(to))
		}
		b := raw(x, 2017, rawRecord(toName, dns.TypeNULL, len(rest), string(rest)))
		last := len(b) - 2
		for range 2000 {
			b = append(b, rawRecord(string([]byte{0xc0 | byte(last>>8), byte(last)}), dns.TypeA, 4, evil4)...)
		}
		owner := toName
		for i := range 16 {
			target := string([]byte{1, 'b' + byte(i), 0})
			b = append(b, rawRecord(owner, dns.TypeCNAME, 3, target)...)
			owner = target
		}
		return b
	}},
	// 2,000 exchangers of two bytes that are a name of 250 bytes each: 0.5 MB.
	{"names of 2 bytes", func(x *dnstest.Exchange) []byte {
		long := label63(3) + "\x37" + strings.Repeat("b", 55) + "\x00"
		b := raw(x, 2001, rawRecord(toName, dns.TypeNULL, len(long), long))
		for range 2000 {
			b = append(b, rawRecord(toName, dns.TypeMX, 4, "\x00\x01\xc0\x29")...)
		}
		return b
	}},
	// 2,000 links that no chain may have, last one first.
	{"aliases of aliases", func(x *dnstest.Exchange) []byte {
		b := raw(x, 2000)
		for i := range 2000 {
			owner := string([]byte{2, 'a' + byte(i/250), byte(i % 250), 0xc0, 12})
			if i == 1999 {
				owner = toName
			}
			b = append(b, rawRecord(owner, dns.TypeCNAME, 5, string([]byte{2, 'a' + byte((1998-i)/250), byte((1998 - i) % 250), 0xc0, 12}))...)
		}
		return b
	}},
	// 4,600 empty records of the root.
	{"records of 11 bytes", func(x *dnstest.Exchange) []byte {
		return raw(x, 5900, bytes.Repeat(rawRecord("\x00", dns.TypeNULL, 0, ""), 5900))
	}},
}

// Bombs are handled in a moment and do no harm: other clients are answered meanwhile.
func TestMalformed_bomb(t *testing.T) {
	t.Parallel()
	for _, tt := range bombs {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeMX, dns.TypeTXT} {
			t.Run(tt.name+" "+dns.TypeToString[qtype], func(t *testing.T) {
				t.Parallel()
				up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
					if x.Conn == nil {
						m := x.Reply()
						m.Truncated = true
						x.Send(dnstest.Pack(m))
						return
					}
					x.Send(tt.make(x))
				})
				s := start(t, up, nil)
				began := time.Now()
				for range 2 {
					if m := s.ask(t, "www.example", qtype, nil); strings.Contains(m.String(), poison) || m.Len() > 1232 {
						t.Errorf("the client is given %d records, %d bytes", len(m.Answer), m.Len())
					}
				}
				if took := time.Since(began); took > longWait/2 {
					t.Errorf("it took %v", took)
				}
				s.clean(t, up)
			})
		}
	}
}

// A bomb is read in a moment: a second of work for each message would let one
// hostile upstream, or one client that asks for a hostile zone, take the machine.
func TestMalformed_bombTime(t *testing.T) {
	t.Parallel()
	q := newQuery("www.example", dns.TypeA, nil)
	x := &dnstest.Exchange{Query: q, Raw: dnstest.Pack(q)}
	question := dnsmsg.Question{Name: wire(t, "www.example"), Type: dnsmsg.TypeA, Class: dnsmsg.ClassIN}
	for _, tt := range bombs {
		msg := tt.make(x)
		if len(msg) > 65535 {
			t.Fatalf("%s: the message has %d bytes", tt.name, len(msg))
		}
		fastest := time.Hour // the others have waited for the machine
		for range 3 {
			began := time.Now()
			_ = new(dnsmsg.Reply).Rebuild(msg, &question, nil)
			fastest = min(fastest, time.Since(began))
		}
		t.Logf("%s: %d bytes, %v", tt.name, len(msg), fastest)
		if fastest > 100*time.Millisecond {
			t.Errorf("%s: reading %d bytes takes %v; want a few milliseconds", tt.name, len(msg), fastest)
		}
	}
}

// Queries are as hostile as answers; each gets what the protocol says, or
// nothing.
func TestMalformed_query(t *testing.T) {
	t.Parallel()
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) { right(x) })
	s := start(t, up, nil)
	const head = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	for _, tt := range []struct {
		name, query string
		want        int // -1: nothing
	}{
		{"pointer to itself", head + "\xc0\x0c\x00\x01\x00\x01", dns.RcodeFormatError},
		{"pointer into the header", head + "\x01a\xc0\x00\x00\x01\x00\x01", dns.RcodeFormatError},
		{"name of 257", head + label63(4) + "\x00\x00\x01\x00\x01", dns.RcodeFormatError},
		{"name without an end", head + "\x3faaa", dns.RcodeFormatError},
		{"no question", "\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", dns.RcodeFormatError},
		{"two questions", "\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00\x01\x00\x01", dns.RcodeFormatError},
		{"65,535 answers", "\x12\x34\x01\x00\x00\x01\xff\xff\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01", dns.RcodeFormatError},
		{"answer", "\x12\x34\x81\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01", -1},
		{"11 bytes", head[:11], -1},
		{"opcode 5", "\x12\x34\x28\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x06\x00\x01", dns.RcodeNotImplemented},
		{"opcode 15", "\x12\x34\x79\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x06\x00\x01", dns.RcodeNotImplemented},
	} {
		c, err := client("udp", "127.0.0.1", longWait).Dial(s.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Conn.Write([]byte(tt.query))
		wait := longWait
		if tt.want < 0 {
			wait = 50 * time.Millisecond
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		buf := make([]byte, 4096)
		n, err := c.Conn.Read(buf)
		_ = c.Close()
		switch {
		case tt.want < 0 && err == nil:
			t.Errorf("%s: %x; want silence", tt.name, buf[:n])
		case tt.want >= 0 && (err != nil || n < 12 || int(buf[3]&15) != tt.want):
			t.Errorf("%s: %x, %v; want %s", tt.name, buf[:n], err, dns.RcodeToString[tt.want])
		}
	}
	s.clean(t, up)
}
