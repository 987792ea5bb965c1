package servers

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// building lets one test at a time run Maven.
var building sync.Mutex

// maven builds one of the Maven projects beside this file, unless that was done before,
// and returns its folder; see [jars].
func maven(tb testing.TB, name, javaHome string) (dir string) {
	tb.Helper()
	mvn := program(tb, "mvn", "apt-get install maven")
	building.Lock()
	defer building.Unlock()
	source := fixture.Repository(tb, "test", "outputs", "servers", name)
	dir = fixture.Repository(tb, "build", "servers", name+"-"+digest(tb, source))
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	if err := os.RemoveAll(dir); err != nil {
		tb.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), mvn, "-B", "-q", "package", "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "target", "lib"))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "JAVA_HOME="+javaHome)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Skipf("building %s: %v\n%s\nit needs Maven Central, or its jars in ~/.m2", name, err, out)
	}
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// digest returns what changes with the files of a folder.
func digest(tb testing.TB, dir string) string {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		h.Write(text)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// jars returns a class path of the jars that a Maven project has built and needs, without
// those whose name begins with except, if that is not "".
func jars(tb testing.TB, dir, except string) string {
	tb.Helper()
	var list []string
	for _, pattern := range []string{"target/*.jar", "target/lib/*.jar"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		for _, path := range paths {
			if except == "" || !strings.HasPrefix(filepath.Base(path), except) {
				list = append(list, path)
			}
		}
	}
	return strings.Join(list, string(filepath.ListSeparator))
}
