package blocky

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// at returns the value of a dotted key, nil if it is absent or null.
func (t *tree) at(path string) *node {
	n := t.root
	for key := range strings.SplitSeq(path, ".") {
		if n == nil || n.fields == nil {
			return nil
		}
		n = n.fields[key]
	}
	return n
}

// first returns the value of the first key that is present: earlier versions had
// other names. The others stay unread.
func (t *tree) first(paths ...string) *node {
	for _, p := range paths {
		if n := t.at(p); n != nil {
			return n
		}
	}
	return nil
}

// children calls do for each pair of a mapping whose value is not null. An empty
// mapping counts as read.
func (n *node) children(do func(name string, value *node)) {
	if n == nil || n.fields == nil {
		return
	}
	n.read = n.read || len(n.keys) == 0
	for _, k := range n.keys {
		if v := n.fields[k]; v != nil {
			do(k, v)
		}
	}
}

// one returns the text of a scalar, "" if n is absent or something else, which then
// stays unread.
func (n *node) one() string {
	if n == nil || !n.scalar {
		return ""
	}
	n.read = true
	return strings.TrimSpace(n.text)
}

// texts returns the items of a list, or those between the commas of a scalar, without
// those that are empty.
func (n *node) texts() []*node {
	if n == nil {
		return nil
	}
	if n.scalar {
		return n.split()
	}
	n.read = n.read || n.items != nil && len(n.items) == 0
	var list []*node
	for _, item := range n.items {
		if item != nil && item.scalar {
			list = append(list, item.split()...)
		}
	}
	return list
}

// split returns a node for each text between the commas of a scalar.
func (n *node) split() (list []*node) {
	n.read = true
	for one := range strings.SplitSeq(n.text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, &node{path: n.path, text: one, scalar: true, read: true})
		}
	}
	return list
}

// whole returns the items of a list as they stand, or the scalar as the only one.
func (n *node) whole() (list []*node) {
	if n == nil {
		return nil
	}
	if n.scalar {
		n.read = true
		return []*node{n}
	}
	n.read = n.read || n.items != nil && len(n.items) == 0
	for _, item := range n.items {
		if item != nil && item.scalar {
			item.read = true
			list = append(list, item)
		}
	}
	return list
}

// switches are the words for true and false that YAML 1.1 knows, and with it blocky.
var switches = map[string]bool{
	"true": true, "yes": true, "on": true, "y": true, "1": true,
	"false": false, "no": false, "off": false, "n": false, "0": false,
}

// flag returns a switch, otherwise if it is absent. Another value is reported.
func (c *converter) flag(n *node, otherwise bool) bool {
	if n == nil {
		return otherwise
	}
	on, ok := switches[strings.ToLower(n.one())]
	if !ok {
		c.warn(n, "%q is neither true nor false; taken as %v", n.text, otherwise)
		return otherwise
	}
	return on
}

// number returns a whole number, and false if it is absent. Another value is
// reported.
func (c *converter) number(n *node) (int, bool) {
	if n == nil {
		return 0, false
	}
	i, err := strconv.ParseInt(n.one(), 0, 32)
	if err != nil {
		c.warn(n, "%q is not a whole number; the default is used", n.text)
		return 0, false
	}
	return int(i), true
}

// duration returns a duration, and false if it is absent. A number without a unit
// means minutes in blocky. Another value is reported.
func (c *converter) duration(n *node) (time.Duration, bool) {
	if n == nil {
		return 0, false
	}
	text := n.one()
	if minutes, err := strconv.ParseInt(text, 10, 64); err == nil {
		const most = int64(math.MaxInt64 / time.Minute)
		return time.Duration(max(-most, min(minutes, most))) * time.Minute, true
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		c.warn(n, "%q is not a duration such as 30s or 5m; the default is used", n.text)
		return 0, false
	}
	return d, true
}
