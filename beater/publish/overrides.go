package publish

import (
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	conf "github.com/elastic/elastic-agent-libs/config"
)

// Overrides returns the settings that apply where the user has not set them, in the file or
// on the command line, which over returns. replay says whether the run is one. They shorten
// the time that a batch waits to become full, where the user
// has not said anything about the queue: 10 s, libbeat's default, is right for
// a fleet in front of one cluster and too long for one person in front of a
// file. A replay has nothing to wait for at all. Neither has an output that alerts of
// verification go to: they are to be there within a tenth of a second of the packet, of
// which the capture may take half. For a server each batch is a request: 50 a second at most, and
// fewer where one takes longer than 20 ms, since the next waits for it.
//
// A file output becomes ours. Outputs with a codec get ours unless they have one: the
// same JSON, see codec.
func Overrides(files *Files, over func() *conf.C, replay func() bool) []cfgfile.ConditionalOverride {
	flush := func(timeout string) cfgfile.ConditionalOverride {
		return cfgfile.ConditionalOverride{
			Check: func(c *conf.C) bool {
				return timeout == waits(replay(), c, over()) && !SaysQueue(c) && !SaysQueue(over())
			},
			Config: conf.MustNewConfigFrom(map[string]any{"queue.mem.flush.timeout": timeout}),
		}
	}
	// libbeat calls Check before it merges the file and the command line, which is the
	// one moment at which a key can still be renamed.
	all := []cfgfile.ConditionalOverride{{Check: func(c *conf.C) bool {
		files.Adopt(c)
		files.Adopt(over())
		return false
	}}, flush(waitsLong), flush(waitsShortly)}
	for _, output := range Encoded() {
		key := "output." + output
		all = append(all, cfgfile.ConditionalOverride{
			Check: func(c *conf.C) bool {
				return (Has(c, key) || Has(over(), key)) && !Has(c, key+".codec") && !Has(over(), key+".codec")
			},
			Config: conf.MustNewConfigFrom(map[string]any{key + ".codec": map[string]any{CodecName: map[string]any{}}}),
		})
	}
	return all
}

// How long a batch waits to become full.
const (
	waitsLong    = "1s"
	waitsShortly = "20ms"
)

// waits returns how long a batch waits: shortly in a replay and with verification. The last of the
// settings that says something counts.
func waits(replay bool, settings ...*conf.C) string {
	verifies := false
	for _, c := range settings {
		if c == nil {
			continue
		}
		for _, root := range []string{"qubesbeat", "packetbeat"} {
			if on, err := c.Bool(root+".verify.enabled", -1); err == nil {
				verifies = on
			}
		}
	}
	if replay || verifies {
		return waitsShortly
	}
	return waitsLong
}
