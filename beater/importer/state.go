package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/qubesbeat/qubesbeat/internal/eventimport"
)

// destination are the settings that say where an output puts events. Secrets are not
// among them.
type destination struct {
	Hosts    any    `config:"hosts"`
	Path     string `config:"path"`
	Filename string `config:"filename"`
	Topic    string `config:"topic"`
	Index    string `config:"index"`
	Key      string `config:"key"`
	DB       int    `config:"db"`
}

// statePath returns the name of the file that remembers how far an import of a selection
// into an output has come. Another selection or destination has a file of its own.
func statePath(output conf.Namespace, f *eventimport.Filter) string {
	var d destination
	_ = output.Config().Unpack(&d) // libbeat has checked the settings
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%+v\x00%s", output.Name(), d, f))
	return "sent-" + hex.EncodeToString(sum[:8]) + ".json"
}
