package repotest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// workflow is what the test looks at of a file in .github/workflows.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Timeout int `yaml:"timeout-minutes"`
		Steps   []struct{ Uses, Run string }
	}
}

// TestWorkflows holds that CI builds and tests by mage targets only, so that all of
// it can be run at home, that it may only read unless a job says otherwise, and that
// nothing but GitHub's own actions are used.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	targets := mageTargets(t)
	files, err := filepath.Glob(filepath.Join(root, ".github/workflows/*.yml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("workflows: %v, %v", files, err)
	}
	program := regexp.MustCompile(`(?m)(?:^|[;&|]\s*)\s*(?:sudo )?(\S+)`)
	for _, file := range files {
		w := readWorkflow(t, file)
		if w.Permissions["contents"] != "read" || len(w.Permissions) != 1 {
			t.Errorf("%s: permissions %v; want contents: read", file, w.Permissions)
		}
		for name, job := range w.Jobs {
			if job.Timeout == 0 {
				t.Errorf("%s: %s has no timeout-minutes", file, name)
			}
			for _, step := range job.Steps {
				if step.Uses != "" && !regexp.MustCompile(`^actions/[a-z-]+@(v\d+|[0-9a-f]{40})$`).MatchString(step.Uses) {
					t.Errorf("%s: %s uses %s; want one of GitHub's actions, pinned", file, name, step.Uses)
				}
				for _, m := range program.FindAllStringSubmatch(strings.ReplaceAll(step.Run, "\\\n", " "), -1) {
					if m[1] != "apt-get" && m[1] != "sysctl" && m[1] != "gh" && m[1] != "go" {
						t.Errorf("%s: %s runs %s; want a mage target", file, name, m[1])
					}
				}
				for _, m := range regexp.MustCompile(`\bgo (.*)`).FindAllStringSubmatch(step.Run, -1) {
					if target, ok := strings.CutPrefix(m[1], "tool mage "); !ok || !targets[strings.ToLower(target)] {
						t.Errorf("%s: %s runs go %s; want a mage target", file, name, m[1])
					}
				}
			}
		}
	}
}

func readWorkflow(t *testing.T, file string) (w workflow) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// mageTargets returns the targets of mage, in lower case.
func mageTargets(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, s := range parsed(t) {
		if dir(s.path) == "." && s.file.Name.Name == "main" {
			for _, name := range exportedFuncs(s) {
				found[strings.ToLower(name)] = true
			}
		}
	}
	return found
}
