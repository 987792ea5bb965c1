package adminapi

import (
	"strings"
	"testing"
)

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("0\x00work class=AppVM state=Running uuid=1\n"))
	f.Add([]byte("0\x00default=True type=str 10.137.0.6"))
	f.Add([]byte("2\x00QubesVMNotFoundError\x00\x00No such domain\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		content, err := answer(data)
		if err != nil {
			return
		}
		for _, q := range list(content) {
			if q.name == "" || strings.ContainsAny(q.name, " \n") {
				t.Errorf("%q lists %q", data, q.name)
			}
		}
		_ = property(content)
	})
}
