package packetstore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
)

// testKey is the key of all tests.
var testKey = sync.OnceValue(func() *age.X25519Identity {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		panic(err)
	}
	return id
})

// encrypting is a Config's change that encrypts.
func encrypting(c *Config) { c.EncryptTo = []string{testKey().Recipient().String()} }

// opened opens a segment, by age itself if it is encrypted, and by zstd if it is compressed.
func opened(tb testing.TB, path string) io.ReadCloser {
	tb.Helper()
	f, err := os.Open(path)
	check(tb, err)
	if isPacked(path) {
		return unzstd(tb, f)
	}
	if !isEncrypted(path) {
		return f
	}
	text, err := age.Decrypt(bufio.NewReader(f), testKey())
	check(tb, err)
	return struct {
		io.Reader
		io.Closer
	}{text, f}
}

// decryptedCopy returns the path of what age or zstd makes of a sealed segment.
func decryptedCopy(tb testing.TB, path string) string {
	tb.Helper()
	in := opened(tb, path)
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // repaired without the key
		tb.Fatalf("decrypting %s: %v", path, err)
	}
	if err != nil { // the reader of a repaired file ends at the last block that is whole
		text = wholeBlocks(text)
	}
	to := filepath.Join(tb.TempDir(), "decrypted.pcapng")
	check(tb, os.WriteFile(to, text, 0o600))
	return to
}

// wholeBlocks cuts off a block that is not whole.
func wholeBlocks(text []byte) []byte {
	at := 0
	for at+12 <= len(text) && at+int(le.Uint32(text[at+4:])) <= len(text) {
		at += int(le.Uint32(text[at+4:]))
	}
	return text[:at]
}

// unlocked finds and copies packets with a key.
func unlocked(tb testing.TB, dir string, key string, q *Query) (*Result, Copied, string) {
	tb.Helper()
	r, err := OpenReader(dir)
	check(tb, err)
	defer r.Close()
	if key != "" {
		check(tb, r.Unlock(strings.NewReader(key)))
	}
	res, err := r.Find(context.Background(), q)
	check(tb, err)
	path := filepath.Join(tb.TempDir(), "out.pcapng")
	var out bytes.Buffer
	done, err := r.Copy(context.Background(), &out, res, CopyOptions{})
	check(tb, err)
	check(tb, os.WriteFile(path, out.Bytes(), 0o600))
	return res, done, path
}

// noPlainByte fails if a file of the store but the chain and the indexes has a text of the
// packets, or the folder has one in a name.
func noPlainByte(tb testing.TB, dir string) {
	tb.Helper()
	files := 0
	check(tb, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("marker-")) || bytes.Contains(b, []byte("via sys-firewall")) {
			tb.Errorf("%s has bytes of the packets", path)
		}
		return err
	}))
	if files < 3 {
		tb.Errorf("%d files were looked at", files)
	}
}

// TestEncrypt holds that nothing of a packet is on the disk in the clear, at any moment, that
// who has the key finds all, and that the error says why it cannot be decrypted without one or with another.
func TestEncrypt(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, func(c *Config) { encrypting(c); c.Segment.Bytes = 1 << 20 })
	for range 6 {
		w.add(7, 1, 300, 1496)
		w.add(8, 2, 3, 60)
		w.tick()
		noPlainByte(t, dir)
	}
	w.stop()
	noPlainByte(t, dir)
	if n := rows(t, dir); n != w.added || n != w.c.written.sum().packets {
		t.Errorf("%d packets are in the files, %d are written; want %d", n, w.c.written.sum().packets, w.added)
	}
	verified(t, dir)
	key := testKey().String()
	for _, q := range []*Query{{Keys: []uint64{info(8, 2).Key}}, {Flows: []*FlowInfo{info(8, 2)}}, {Qube: "personal"}} {
		res, done, path := unlocked(t, dir, key, q)
		if rows := lines(t, path, "-T", "fields", "-e", "udp.srcport"); len(rows) != 18 || rows[0] != "2" || len(done.Damaged) > 0 {
			t.Errorf("%+v: %d packets, %v; want 18: %+v", q, len(rows), done.Damaged, res)
		}
	}
	all, done, _ := unlocked(t, dir, key, &Query{Qube: "work"})
	if done.Packets != 1800 || all.Segments < 3 {
		t.Errorf("%d packets of %d segments; want 1800 of more than 2", done.Packets, all.Segments)
	}
	other, err := age.GenerateX25519Identity()
	check(t, err)
	for key, want := range map[string]string{"": "no key was given", other.String(): "another key"} {
		res, done, _ := unlocked(t, dir, key, &Query{Keys: []uint64{info(8, 2).Key}})
		if len(res.Flows) == 0 || len(done.Locked) == 0 || done.Packets > 0 || !errors.Is(done.Damaged[0], ErrLocked) || !strings.Contains(done.Damaged[0].Error(), want) {
			t.Errorf("with the key %q: %+v; want the segment named, and %q", key, done, want)
		}
	}
}

// TestEncrypt_crash holds that a crash takes no more than what the account has waiting, that the
// repair needs no key, and that what is left is found.
func TestEncrypt_crash(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, encrypting)
	w.add(7, 1, 1000, 1496)
	w.add(8, 2, 10, 60) // less than a chunk: nothing of it is on the disk
	w.tick()
	w.tick()
	written, waiting := w.c.written.sum().packets, w.c.waiting.sum().packets
	if waiting > 10+(chunkSize+ageChunk)/1496 || waiting < 10 || written+waiting != 1010 {
		t.Errorf("%d written, %d waiting; want no more than a chunk of each kind waiting", written, waiting)
	}
	crashed := copyDir(t, dir)
	w.stop()
	again := newWorld(t, crashed, nil)
	again.stop()
	if again.c.repaired != 1 || again.c.damaged != 0 {
		t.Errorf("%d repaired, %d damaged; want 1 and 0", again.c.repaired, again.c.damaged)
	}
	if n := rows(t, crashed); n < written || n > 1000 {
		t.Errorf("%d packets are left; %d were written", n, written)
	}
	verified(t, crashed)
	for _, q := range []*Query{{Flows: []*FlowInfo{info(7, 1)}}, {Qube: "work"}, {}} {
		if _, done, _ := unlocked(t, crashed, testKey().String(), q); done.Packets < written || len(done.Damaged) > 0 {
			t.Errorf("%+v: %d packets are found; %d were written: %v", q, done.Packets, written, done.Damaged)
		}
	}
	if res, _, _ := unlocked(t, crashed, "", &Query{Keys: []uint64{info(7, 1).Key}}); res.Unsearched != 1 {
		t.Errorf("by the key, %d segments are said not to be searched; want 1", res.Unsearched)
	}
	check(t, os.Remove(indexName(segments(t, crashed)[0])))
	newWorld(t, crashed, nil).stop()
	if _, done, _ := unlocked(t, crashed, testKey().String(), &Query{Qube: "work"}); done.Packets < written {
		t.Errorf("without its index, %d packets are found; %d were written", done.Packets, written)
	}
}

// TestEncrypt_kill kills an encrypting process before calls of every kind.
func TestEncrypt_kill(t *testing.T) {
	t.Parallel()
	for die := 1; kill(t, die, die%2 == 0, []string{testKey().Recipient().String()}, ""); die += 9 {
	}
}

// TestEncrypt_recipients refuses what is no key.
func TestEncrypt_recipients(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{{"age1"}, {testKey().String()}, make([]string, maxRecipients+1)} {
		if _, err := recipientsOf(keys); err == nil {
			t.Errorf("%d keys, the first %.5q..., are accepted", len(keys), keys[0])
		}
	}
}
