package pcapng_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a reader of others, and fails if it says anything but its result.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%v; apt-get install %s", err, program)
	}
	cmd := exec.Command(path, args...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	check(t, cmd.Run())
	for line := range strings.Lines(talk.String()) {
		if !strings.HasPrefix(line, "Running as user") && !strings.HasPrefix(line, "reading from file") {
			t.Errorf("%s says: %s", program, line)
		}
	}
	return out.String()
}

// save writes the file with every kind of block.
func save(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "all.pcapng")
	check(t, os.WriteFile(path, file(), 0o600))
	return path
}

// TestReaders_tshark holds that tshark shows a row for every packet and for nothing
// else, and all that is known of it.
func TestReaders_tshark(t *testing.T) {
	t.Parallel()
	got := run(t, "tshark", "-r", save(t), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len",
		"-e", "frame.interface_name", "-e", "frame.interface_description", "-e", "frame.packet_flags_direction", "-e", "frame.drop_count", "-e", "frame.comment")
	want := `1700000000.123456789	46	46	vif7.0	work (blue, AppVM)	0x00000001		
1700000000.123456790	1514	43	vif7.0	work (blue, AppVM)	0x00000002	8589934592	
1700000000.123456784	46	46	vif7.0	work (blue, AppVM)			of the past
1700000000.123456791	60	0	vif7.0	work (blue, AppVM)			
1700000000.123456792	65549	65549	vif7.0	work (blue, AppVM)			
`
	if got != want {
		t.Errorf("tshark shows\n%s; want\n%s", got, want)
	}
}

// TestReaders_names holds that the names are shown.
func TestReaders_names(t *testing.T) {
	t.Parallel()
	if got := run(t, "tshark", "-r", save(t), "-N", "n", "-c", "1"); !strings.Contains(got, "work") || !strings.Contains(got, "dns") {
		t.Errorf("tshark -N n shows %q; want work and dns", got)
	}
}

func TestReaders_tcpdump(t *testing.T) {
	t.Parallel()
	if got := run(t, "tcpdump", "-nr", save(t)); strings.Count(got, "\n") < len(packets) || strings.Contains(got, "pcapng") {
		t.Errorf("tcpdump shows\n%s; want %d packets", got, len(packets))
	}
}
