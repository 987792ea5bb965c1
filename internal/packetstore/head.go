package packetstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"github.com/qubesbeat/qubesbeat/internal/pcapng"
)

// head is what the first page of a segment says, beside what pcapng has fields for: one
// line of JSON in the comment of the section.
type head struct {
	Store    int    `json:"store"` // version of this description
	Folder   string `json:"folder"`
	Boot     string `json:"boot"`
	Sequence uint32 `json:"seq"`
	First    int64  `json:"first"` // time of the first packet, Unix nanoseconds
	Version  string `json:"version,omitempty"`
	Qube     string `json:"qube,omitempty"`
	UUID     string `json:"uuid,omitempty"`
	Label    string `json:"label,omitempty"`
	Most     int    `json:"most,omitempty"` // bytes of a packet that the settings ask for, 0 for all

	link        uint16
	filter      string
	holder      *Holder
	description string // of the interface, of a head that was read
}

// headOf returns the head of a segment.
func (s *Store) headOf(g *segment) *head {
	h := &g.holder
	return &head{Store: 1, Folder: g.qube, Boot: s.conf.boot, Sequence: g.seq, First: g.began, Version: short(s.conf.Version),
		Qube: short(h.Name), UUID: short(h.UUID), Label: short(h.Label), Most: s.most(g), link: g.link, filter: g.filter, holder: h}
}

// short bounds a text from outside, so that a head fits into its page: what JSON escapes of it takes
// twice its bytes at most, see comment.
func short(text string) string {
	const most = 100
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text[:min(len(text), most)], "?"))
}

// comment returns a head as the comment of its section.
func (h *head) comment() string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // six bytes for each of < > &
	_ = e.Encode(h)        // strings and numbers only: it cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// appendHead appends one page: section, interface, names, and a filler.
func appendHead(b []byte, h *head) []byte {
	start := len(b)
	b = pcapng.AppendSection(b, &pcapng.Section{Program: "qubesbeat " + h.Version, Comment: h.comment()})
	b = pcapng.AppendInterface(b, &pcapng.Interface{LinkType: h.link, Name: short(h.holder.Vif), Description: short(describe(h.holder)), Filter: h.filter})
	if h.Qube != "" {
		b = appendNames(b, h.holder.Addresses, h.Qube)
	}
	return pcapng.AppendFill(b, 0, h.First, pageSize-(len(b)-start))
}

func appendNames(b []byte, addrs []netip.Addr, name string) []byte {
	const most = 8
	var names []pcapng.Name
	for _, a := range addrs[:min(len(addrs), most)] {
		names = append(names, pcapng.Name{Addr: a, Name: name})
	}
	return pcapng.AppendNames(b, names, "")
}

// unknownHolder is what describe returns of one without a name.
const unknownHolder = "unknown"

// describe returns a holder for people: work (blue, AppVM, via sys-firewall).
func describe(h *Holder) string {
	if h.Name == "" {
		return unknownHolder
	}
	var more []string
	for _, m := range []string{h.Label, h.Class, h.Netvm} {
		if m != "" {
			more = append(more, m)
		}
	}
	if h.Netvm != "" {
		more[len(more)-1] = "via " + h.Netvm
	}
	if len(more) == 0 {
		return h.Name
	}
	return fmt.Sprintf("%s (%s)", h.Name, strings.Join(more, ", "))
}

// parseHead reads the first blocks of a segment.
func parseHead(s *pcapng.Scanner) (h head, err error) {
	var b pcapng.Block
	if err := s.Next(&b); err != nil {
		return h, err
	}
	var section pcapng.Section
	if err := b.Section(&section); err != nil {
		return h, err
	}
	if err := json.Unmarshal([]byte(section.Comment), &h); err != nil {
		return h, fmt.Errorf("reading the head of a segment: %w", err)
	}
	if err := s.Next(&b); err != nil {
		return h, err
	}
	var i pcapng.Interface
	if err := b.Interface(&i); err != nil {
		return h, err
	}
	h.link, h.description = i.LinkType, i.Description
	h.holder = &Holder{Vif: i.Name, Name: h.Qube, UUID: h.UUID, Label: h.Label}
	if !isFolder(h.Folder) || h.Sequence == 0 {
		return h, fmt.Errorf("reading the head of a segment: %q is no folder of a qube", h.Folder)
	}
	return h, nil
}
