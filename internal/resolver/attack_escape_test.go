package resolver_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/querylog"
)

// control are bytes that would confuse who reads a log: a row that was forged, a
// terminal that obeys.
const control = "a\tb\nc\rd\x00e\x1b[2Jf\x7fg\"h\\i.j\xc3\x28k\xe2\x80\xae"

// A name has any bytes; its text has printable ASCII only, and is the name again
// when it is read.
func TestEscape_names(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		name := []byte{3, 'x', byte(c), 'y', 3, 'c', 'o', 'm', 0}
		text := dnsmsg.Text(name)
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("byte %#x: the text is %q", c, text)
		}
		back, err := dnsmsg.ParseName(nil, text)
		if err != nil || !bytes.Equal(back, name) {
			t.Errorf("byte %#x: the text %q is read as %q, %v; want %q", c, text, back, err, name)
		}
		if n := strings.Count(strings.ReplaceAll(text, `\.`, ""), "."); n != 1 {
			t.Errorf("byte %#x: the text %q has %d dots; want one", c, text, n)
		}
	}
}

// Names, aliases and texts full of control characters, in questions and answers,
// make rows of eleven columns, one line each (RFC 2181 section 11).
func TestEscape_rows(t *testing.T) {
	t.Parallel()
	label := string([]byte{byte(len(control))}) + control
	name := label + "\x07example\x00"
	types := []uint16{dns.TypeA, dns.TypeCNAME, dns.TypePTR, dns.TypeNS, dns.TypeMX, dns.TypeSRV, dns.TypeTXT, dns.TypeSOA,
		dns.TypeHINFO, dns.TypeNAPTR, dns.TypeSVCB, dns.TypeHTTPS, dns.TypeCAA, dns.TypeURI, 65280}
	data := map[uint16]string{dns.TypeA: good4, dns.TypeCNAME: name, dns.TypePTR: name, dns.TypeNS: name, dns.TypeMX: "\x00\x01" + name,
		dns.TypeSRV: "\x00\x01\x00\x01\x00\x01" + name, dns.TypeTXT: label, dns.TypeSOA: name + name + strings.Repeat("\x00\x00\x00\x01", 5),
		dns.TypeHINFO: label + label, dns.TypeNAPTR: "\x00\x01\x00\x01" + label + label + label + name, dns.TypeSVCB: "\x00\x01" + name,
		dns.TypeHTTPS: "\x00\x00" + name, dns.TypeCAA: "\x00\x05issue" + control, dns.TypeURI: "\x00\x01\x00\x01" + control, 65280: control}
	up := dnstest.NewServer(t, func(x *dnstest.Exchange) {
		d := data[x.Query.Question[0].Qtype]
		x.Send(raw(x, 1, rawRecord(toName, x.Query.Question[0].Qtype, len(d), d)))
	})
	s := start(t, up, nil)
	c := s.socket(t, "127.0.0.1")
	for _, qtype := range types {
		q := append([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"+name), byte(qtype>>8), byte(qtype), 0, 1)
		_, _ = c.Write(q)
	}
	_, _ = c.Write([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x3f\t\n"))       // FORMERR
	_, _ = c.Write(append([]byte("\x12\x34\x79\x00\x00\x01\x00\x00\x00\x00\x00\x00"), '\t')) // NOTIMP
	entries := s.entries(t, len(types)+2)

	dir := t.TempDir()
	w, err := querylog.New(querylog.Config{Dir: dir, Instance: "sys-net"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if entries[i].RCode == dns.RcodeServerFailure {
			t.Errorf("%s %s failed: %s", dnsmsg.Text(entries[i].Name), entries[i].Type, entries[i].Reason(entries[i].Name))
		}
		if err := w.Write(&entries[i], "../work\t\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v; want one file in the directory", files, err)
	}
	checkRows(t, files[0], len(entries))
}

// checkRows reads a log as those do who do not know it well.
func checkRows(t *testing.T, path string, n int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma, r.FieldsPerRecord = '\t', 11
	rows, err := r.ReadAll()
	if err != nil || len(rows) != n {
		t.Fatalf("%d rows, %v; want %d:\n%q", len(rows), err, n, b)
	}
	for _, row := range rows {
		for i, field := range row {
			bad := func(c rune) bool { return unicode.IsControl(c) || c > '~' }
			if i == 6 { // blocky itself writes records of most types with tabs between their parts
				field = strings.ReplaceAll(field, "\t", " ")
			}
			if i == 2 {
				continue // the name of the qube, which is not the attacker's to choose
			}
			if strings.ContainsFunc(field, bad) {
				t.Errorf("column %d has a character that is not printable: %q", i+1, field)
			}
		}
	}
}
