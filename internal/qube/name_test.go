package qube_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A rule is a case of a function that judges a text: want is part of the reason, empty if the text is valid.
type rule struct{ name, in, want string }

// checkRules calls valid with every case.
func checkRules(t *testing.T, valid func(string) error, rules []rule) {
	t.Helper()

	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			err := valid(tt.in)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error of %q = %v; want %q", tt.in, err, tt.want)
			}
		})
	}
}

func TestValidName(t *testing.T) {
	t.Parallel()

	checkRules(t, qube.ValidName, []rule{
		{"plain", "work", ""},
		{"dom0", "dom0", ""},
		{"every character", "Z.UPPER_case-9", ""},
		{"31 characters", "a-b_c.d-b_c.d-b_c.d-b_c.d-e_f.0", ""},
		{"reserved in another case", "None", ""},
		{"dm inside", "a-dm1", ""},
		{"empty", "", "empty"},
		{"32 characters", strings.Repeat("a", 32), "has 32 characters; at most 31"},
		{"digit first", "9work", "begin with a letter"},
		{"dash first", "-work", "begin with a letter"},
		{"space", "my work", "has the character ' '"},
		{"newline last", "work\n", `has the character '\n'`},
		{"not ASCII", "wörk", "has the character 'ö'"},
		{"plus", "lost+found", "has the character '+'"},
		{"xen", "Domain-0", "reserved by Qubes OS"},
		{"none", "none", "reserved by Qubes OS"},
		{"default", "default", "reserved by Qubes OS"},
		{"stub domain", "win11-dm", "stub domains"},
	})
}

func TestValidLabel(t *testing.T) {
	t.Parallel()

	checkRules(t, qube.ValidLabel, []rule{
		{"built in", "red", ""},
		{"own", "pink-lab.x", ""},
		{"digits and more", "0x1", ""},
		{"empty", "", "empty"},
		{"number", "12", "index of a label"},
		{"space", "light red", "has the character ' '"},
		{"separator", "red|blue", "has the character '|'"},
	})
}

func TestValidClass(t *testing.T) {
	t.Parallel()

	checkRules(t, qube.ValidClass, []rule{
		{"admin", qube.ClassAdmin, ""},
		{"app", qube.ClassApp, ""},
		{"disposable", qube.ClassDisposable, ""},
		{"remote", qube.ClassRemote, ""},
		{"standalone", qube.ClassStandalone, ""},
		{"template", qube.ClassTemplate, ""},
		{"of a later release", "MicroVM", ""},
		{"state", "Running", "end in VM"},
		{"empty", "", "end in VM"},
		{"space", "My VM", "end in VM"},
	})
}

func TestValidState(t *testing.T) {
	t.Parallel()

	checkRules(t, qube.ValidState, []rule{
		{"running", "Running", ""},
		{"NA", "NA", ""},
		{"class", "AppVM", "power state"},
		{"empty", "", "power state"},
		{"address", "10.137.0.6", "power state"},
	})
}

func TestValidExit(t *testing.T) {
	t.Parallel()

	checkRules(t, qube.ValidExit, []rule{
		{"clear", qube.ExitClear, ""},
		{"vpn", qube.ExitVPN, ""},
		{"tor", qube.ExitTor, ""},
		{"anon", qube.ExitAnon, ""},
		{"empty", "", "is not clear, vpn, tor or anon"},
		{"another case", "Tor", "is not clear"},
		{"a word of a later release", "i2p", `exit "i2p" is not`},
		{"control characters", "tor\x1b[2J", `exit "tor\x1b[2J" is not`},
		{"long", strings.Repeat("tor", 100), `exit "` + strings.Repeat("tor", 13) + `t" is not`},
	})
}
