package publish

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"

	"github.com/google/uuid"
)

// application is the id under which a machine is known here: what is known as host.id
// elsewhere, or as the machine id here, cannot be derived from ours.
const application = "qubesbeat host.id"

// HostID returns host.id: a UUID that is made of the machine id in a file, as
// sd_id128_get_machine_app_specific(3) makes one. dom0 gives each qube a machine id of
// its own, which stays the same when the qube restarts. It returns "" if there is
// none.
func HostID(file string) string {
	text, err := os.ReadFile(file)
	machine, bad := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || bad != nil || len(machine) != 16 {
		return ""
	}
	mac := hmac.New(sha256.New, machine)
	mac.Write([]byte(application))
	var id uuid.UUID
	copy(id[:], mac.Sum(nil))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4 (RFC 9562)
	return id.String()
}
