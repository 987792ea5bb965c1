package adminapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrRefused says that the policy, or dom0, has refused a call.
var ErrRefused = errors.New("refused: see docs/inventory.md for the policy")

// answer returns the content of an answer: "0\0" before what is asked for, "2\0"
// before an exception. Where the policy refuses, there is nothing.
func answer(data []byte) (string, error) {
	if content, ok := bytes.CutPrefix(data, []byte("0\x00")); ok {
		return string(content), nil
	}
	if fault, ok := bytes.CutPrefix(data, []byte("2\x00")); ok {
		kind, _, _ := bytes.Cut(fault, []byte{0})
		return "", fmt.Errorf("%w (%.60q)", ErrRefused, kind)
	}
	return "", ErrRefused
}

// listed is a line of admin.vm.List: "work class=AppVM state=Running uuid=...".
type listed struct{ name, class string }

func list(content string) (all []listed) {
	for line := range strings.Lines(content) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		q := listed{name: words[0]}
		for _, w := range words[1:] {
			if class, ok := strings.CutPrefix(w, "class="); ok {
				q.class = class
			}
		}
		all = append(all, q)
	}
	return all
}

// property returns the value of admin.vm.property.Get: "default=True type=str 10.137.0.6",
// with nothing behind the last space where there is none.
func property(content string) string {
	parts := strings.SplitN(content, " ", 3)
	if len(parts) < 3 {
		return ""
	}
	return strings.TrimSuffix(parts[2], "\n")
}
