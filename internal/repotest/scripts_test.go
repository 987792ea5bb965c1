package repotest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestScripts_shellcheck holds that the scripts of the packages, and of CI, are
// without what shellcheck knows to be wrong.
func TestScripts_shellcheck(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("needs shellcheck: apt-get install shellcheck")
	}
	for _, file := range scripts(t) {
		if out, err := exec.Command(program, file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// TestScripts_offline holds that nothing that is run at installation, or in dom0,
// reaches a network or asks for other rights.
func TestScripts_offline(t *testing.T) {
	t.Parallel()
	dom0, err := filepath.Glob("../../packaging/dom0/*")
	if err != nil || len(dom0) == 0 {
		t.Fatal(dom0, err)
	}
	salt, _ := filepath.Glob("../../packaging/salt/*.sls")
	for _, file := range append(append(scripts(t), dom0...), salt...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"curl ", "wget ", "http.client", "urllib", "pip ", "AF_INET", "visudo", "sudoers"} {
			if strings.Contains(string(text), word) && !strings.HasSuffix(file, ".ci/run") {
				t.Errorf("%s has %q", file, word)
			}
		}
	}
}

// scripts returns the files that begin as a shell script does.
func scripts(t *testing.T) (files []string) {
	t.Helper()
	for _, pattern := range []string{"../../packaging/*/*", "../../.ci/*"} {
		all, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if text, err := os.ReadFile(f); err == nil && (strings.HasPrefix(string(text), "#!/bin/sh") || strings.HasPrefix(string(text), "#!/usr/bin/env bash")) {
				files = append(files, f)
			}
		}
	}
	if len(files) < 5 {
		t.Fatalf("scripts: %v", files)
	}
	return files
}
