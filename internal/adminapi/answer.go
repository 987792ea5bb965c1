package adminapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrRefused is returned if the policy, or dom0, refuses a call.
var ErrRefused = errors.New("refused: see docs/inventory.md for the policy")

// answer returns the content of an answer, which begins with "0\x00" before a result and
// "2\x00" before an exception. It is empty if the policy refuses the call.
func answer(data []byte) (string, error) {
	if content, ok := bytes.CutPrefix(data, []byte("0\x00")); ok {
		return string(content), nil
	}
	if exception, ok := bytes.CutPrefix(data, []byte("2\x00")); ok {
		kind, _, _ := bytes.Cut(exception, []byte{0})
		return "", fmt.Errorf("%w (%.60q)", ErrRefused, kind)
	}
	return "", ErrRefused
}

// listed is a line of admin.vm.List: "work class=AppVM state=Running uuid=...".
type listed struct{ name, class string }

// list parses the answer of admin.vm.List.
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

// property returns the value in the answer of admin.vm.property.Get, such as
// "default=True type=str 10.137.0.6". It is "" if the property is not set.
func property(content string) string {
	parts := strings.SplitN(content, " ", 3)
	if len(parts) < 3 {
		return ""
	}
	return strings.TrimSuffix(parts[2], "\n")
}
