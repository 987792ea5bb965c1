package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// Names of the contenders that keep packets.
const (
	packetsName  = "qubesbeat-packets"
	digestsName  = "qubesbeat-packets-digests"
	tcpdumpWName = "tcpdump-w"
	dumpcapName  = "dumpcap-b"
	netsniffName = "netsniff-ng"
	stenoName    = "stenotype"
)

// everyPacket has qubesbeat capture every packet, as it does with a store, so that what it takes
// without one can be compared.
const everyPacket = "interfaces.shunt: off"

// keepers returns the contenders that keep whole packets on the disk, and qubesbeat without.
func keepers(o *options) []*contender {
	return []*contender{
		{name: noneName},
		newBeat(oursName, "qubesbeat", o.qubesbeat, "", everyPacket),
		newStore(packetsName, o.qubesbeat, false), newStore(digestsName, o.qubesbeat, true),
		newTcpdumpW(), newDumpcap(), newNetsniff(), newStenotype(),
	}
}

// storeConfig are the settings of the store: the ring and the buffers have what the others
// have in one, and no digests but with integrity.
const storeConfig = `qubesbeat.packets: {enabled: true, dir: %q, max_bytes: 20GiB, min_free: 64MiB, integrity: %v}
`

// newStore returns qubesbeat with its store of packets.
func newStore(name, path string, integrity bool) *contender {
	c := newBeat(name, "qubesbeat", path, "", everyPacket)
	beat := c.argv
	c.argv = func(dir string) ([]string, error) {
		argv, err := beat(dir)
		if err != nil {
			return nil, err
		}
		f, err := os.OpenFile(filepath.Join(dir, "qubesbeat.yml"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(f, storeConfig, filepath.Join(dir, "packets"), integrity); err != nil {
			return nil, err
		}
		return argv, f.Close()
	}
	return c
}

// newTcpdumpW returns tcpdump, which writes whole packets into a file.
func newTcpdumpW() *contender {
	return &contender{name: tcpdumpWName, missing: missingProgram("tcpdump", "apt-get install tcpdump"),
		argv: func(dir string) ([]string, error) {
			return []string{"tcpdump", "-i", watched, "-B", "24576", "-Z", "root", "-w", filepath.Join(dir, "packets.pcap")}, nil
		},
		losses: func(dir string) (losses, error) {
			return find(filepath.Join(dir, "stderr"), `(\d+) packets? captured`, `(\d+) packets? dropped by kernel`)
		}}
}

// newDumpcap returns dumpcap with files of 100 MB.
func newDumpcap() *contender {
	return &contender{name: dumpcapName, missing: missingProgram("dumpcap", "apt-get install tshark"),
		argv: func(dir string) ([]string, error) {
			return []string{"dumpcap", "-q", "-i", watched, "-B", "24", "-b", "filesize:100000", "-b", "files:20", "-w", filepath.Join(dir, "packets.pcapng")}, nil
		},
		losses: func(dir string) (losses, error) {
			return find(filepath.Join(dir, "stderr"), `Packets received/dropped on interface '`+watched+`': (\d+)/`, `Packets received/dropped on interface '`+watched+`': \d+/(\d+)`)
		}}
}

// newNetsniff returns netsniff-ng, which writes by scatter and gather.
func newNetsniff() *contender {
	return &contender{name: netsniffName, missing: missingProgram("netsniff-ng", "apt-get install netsniff-ng"),
		argv: func(dir string) ([]string, error) {
			return []string{"netsniff-ng", "--in", watched, "--out", filepath.Join(dir, "packets.pcap"), "--silent", "--sg", "--ring-size", "24MiB", "--no-promisc"}, nil
		},
		losses: func(dir string) (losses, error) {
			return find(filepath.Join(dir, "stdout"), `(\d+)\s+packets incoming`, `(\d+)\s+packets failed filter`)
		}}
}

// newStenotype returns the writer of stenographer, which indexes as it writes. It does not end
// when it is asked to, so it is killed.
func newStenotype() *contender {
	return &contender{name: stenoName, missing: missingProgram("stenotype", "apt-get install stenographer"), kill: true, losses: unknownLosses,
		argv: func(dir string) ([]string, error) {
			for _, name := range []string{"PKT0", "IDX0"} {
				if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
					return nil, err
				}
			}
			return []string{"stenotype", "--iface=" + watched, "--dir=" + dir, "--threads=1", "--blocks=24", "--aiops=16", "--uid=root", "--gid=root", "--no_watchdogs", "--seccomp=none", "--no_promisc"}, nil
		}}
}
