package lists

import (
	"net/http"
	"net/url"
	"testing"
)

// TestAttack12_downgrade does not leave https for http.
func TestAttack12_downgrade(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to string
		ok       bool
	}{
		{"https://a.test/", "https://b.test/", true},
		{"http://a.test/", "https://b.test/", true},
		{"https://a.test/", "http://a.test/", false},
		{"http://192.168.1.2/", "https://192.168.1.2/", true},
		{"http://192.168.1.2:8080/", "https://192.168.1.2/", false},
		{"https://192.168.1.2/", "http://192.168.1.2/", false},
	} {
		from, _ := url.Parse(tt.from)
		to, _ := url.Parse(tt.to)
		r := &route{conf: &Config{}, host: from.Hostname(), port: portOf(from)}
		if err := r.redirect(&http.Request{URL: to}, []*http.Request{{URL: from}}); (err == nil) != tt.ok {
			t.Errorf("from %s to %s: %v", tt.from, tt.to, err)
		}
	}
}
