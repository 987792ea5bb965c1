package bundle

import (
	"fmt"
	"time"
)

// Readme returns the text of README.txt for a bundle.
func Readme(m *Manifest) string {
	return fmt.Sprintf(`Packets of the qube %s, %s to %s UTC, stored by qubesbeat.

manifest.json   what is in here, with SHA-256 of each file; the chain of the store
inventory.json  the qube as it was when the packets were stored
events.ndjson   its events of that time
packets/        its files of packets (pcapng), as they were stored: they may begin earlier
                and end later than the range, for the chain has the digests of whole files.
                Those whose names end in .zst are compressed; unpack them with zstd -d

To check it, on any machine, without a network:

    qubesbeat pcap verify BUNDLE.tar

Each line of the chain has the SHA-256 of the line before, and the BLAKE3 digest of the file that it is about.
The lines of other qubes' files are among them, with the names of those qubes. They show that the
files of packets are those that were stored. Of events.ndjson, inventory.json and this text they show nothing: the
digests in manifest.json are only as good as the way on which the bundle has come. The anchor
names an event of the beat that has the digest of the last line: if events left the machine,
they show that nothing was changed after that time. It does not show that the machine told
the truth before.

Packets are hostile input. Open them in a disposable without a network.
`, m.Qube, bound(m.From, "the beginning"), bound(m.To, "the end"))
}

// bound returns a bound of the range as text.
func bound(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return t.UTC().Format(time.DateTime)
}
