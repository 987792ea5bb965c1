package beater

import (
	"net"
	"time"
)

// links knows the names of interfaces by their indices. It is not safe for
// concurrent use.
type links struct {
	captured func(index uint32) string // of the capture, which also knows vifs that are gone
	known    map[uint32]link
}

// link is the name of an interface, for as long as it may be believed.
type link struct {
	name  string
	until time.Time
}

// How long the name of an interface is believed, for indices are used again, though
// not soon; and how many names are kept.
const (
	linkTime = 2 * time.Second
	maxLinks = 4096
)

func (r *run) newLinks() *links { return &links{captured: r.name, known: map[uint32]link{}} }

// name returns the name of an interface, "" where there is none. A vif that is gone
// keeps its name: what it has sent may still be on its way.
func (l *links) name(index uint32) string {
	if index == 0 {
		return ""
	}
	if name := l.captured(index); name != "" {
		return name
	}
	now, was := time.Now(), l.known[index]
	if now.Before(was.until) {
		return was.name
	}
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		was.name = i.Name
	}
	if len(l.known) >= maxLinks {
		clear(l.known)
	}
	l.known[index] = link{was.name, now.Add(linkTime)}
	return was.name
}
