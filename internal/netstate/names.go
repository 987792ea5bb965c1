package netstate

import (
	"net"
	"sync"
	"time"
)

// NamesConfig holds the settings of [Names]. The zero value is valid.
type NamesConfig struct {
	// Captured returns the name that the capture knows, "" if it knows none. It is
	// asked first, because the capture also knows interfaces that are gone. It may
	// be nil.
	Captured func(index uint32) string
	// Kernel returns the name of an interface that exists, or an error; nil means
	// from the kernel.
	Kernel func(index uint32) (string, error)
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Names are the names of interfaces by their indexes. It is safe for concurrent
// use.
type Names struct {
	conf  NamesConfig
	mu    sync.Mutex
	known map[uint32]name
}

// name is the name of an interface, "" if the kernel never knew one, and until when
// it is believed.
type name struct {
	name  string
	until time.Time
}

const (
	// nameFresh is how long a name is believed. The kernel assigns an index again
	// only after all others, but an interface may be renamed.
	nameFresh = 2 * time.Second
	// maxNames bounds the memory; all names are forgotten when it is reached.
	maxNames = 4096
)

// NewNames returns names that are read as they are asked for.
func NewNames(conf NamesConfig) *Names {
	if conf.Kernel == nil {
		conf.Kernel = kernelName
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	return &Names{conf: conf, known: map[uint32]name{}}
}

// Name returns the name of an interface, "" if it has none. An interface that is
// gone keeps its name: what it has sent may still be on its way.
func (n *Names) Name(index uint32) string {
	if index == 0 {
		return ""
	}
	if n.conf.Captured != nil {
		if s := n.conf.Captured(index); s != "" {
			return s
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now, last := n.conf.Now(), n.known[index]
	if now.Before(last.until) {
		return last.name
	}
	if s, err := n.conf.Kernel(index); err == nil {
		last.name = s
	}
	if len(n.known) >= maxNames {
		clear(n.known)
	}
	n.known[index] = name{last.name, now.Add(nameFresh)}
	return last.name
}

// kernelName asks the kernel.
func kernelName(index uint32) (string, error) {
	i, err := net.InterfaceByIndex(int(index))
	if err != nil {
		return "", err
	}
	return i.Name, nil
}
