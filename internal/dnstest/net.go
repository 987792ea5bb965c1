package dnstest

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// Until polls until ok returns true, for things that cannot be waited for
// otherwise. It fails the test after ten seconds.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	poll.Until(t, what, ok)
}
