package resolver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// pause turns blocking off. want is a part of what is said to be wrong.
func pause(lists []string, qube string, d time.Duration, want string) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		err := w.PauseBlocking(lists, qube, d)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Pause = %v; want %q", err, want)
		}
	}
}

func unpause(_ testing.TB, w *world) { w.ResumeBlocking() }

// paused waits until so many pauses are left.
func paused(n int) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		dnstest.Until(t, "the pause is over", func() bool { return len(w.BlockingPauses()) == n })
	}
}

// switchRows hold that blocking can be turned off and on.
func switchRows() []row {
	const yaml = `lists: {ads: {deny: ["bad.example\n"]}, more: {deny: ["worse.example\n"]}}`
	const blocked, passed = "NOERROR | bad.example. 600 A 0.0.0.0 | EDE 15", "NOERROR | bad.example. ~300 A 93.184.216.66"
	const worseBlocked, worsePassed = "NOERROR | worse.example. 600 A 0.0.0.0 | EDE 15", "NOERROR | worse.example. ~300 A 93.184.216.67"
	return []row{
		{id: "B11", name: "off for all, and on", yaml: yaml, steps: []step{
			{do: paused(0), q: "bad.example A", want: blocked},
			{do: all(pause(nil, "", 0, ""), paused(1)), q: "bad.example A", want: passed},
			{q: "worse.example A", want: worsePassed},
			{do: all(unpause, paused(0)), q: "bad.example A", want: blocked, log: "BLOCKED | BLOCKED (ads: bad.example)"},
		}},
		{id: "B11", name: "off for a time, and on by itself", yaml: yaml, steps: []step{
			{do: pause(nil, "", 300*time.Millisecond, ""), q: "bad.example A", want: passed},
			{do: all(pass(300*time.Millisecond), paused(0))},
			{do: func(t testing.TB, w *world) { // the new policy applies a moment after the pause has ended
				dnstest.Until(t, "blocking is on again", func() bool {
					m := w.ask(t.(*testing.T), "bad.example A", &step{q: "bad.example A"})
					w.entry(t)
					return m.ede() != nil
				})
			}, q: "bad.example A", want: blocked},
		}},
		{id: "B11", name: "off for one list", yaml: yaml, steps: []step{
			{do: pause([]string{"ads"}, "", 0, ""), q: "bad.example A", want: passed},
			{q: "worse.example A", want: worseBlocked},
			{do: unpause, q: "bad.example A", want: blocked},
		}},
		{id: "B11", name: "off for one qube", yaml: yaml, steps: []step{
			{do: pause(nil, "kiosk", 0, ""), from: "kiosk", q: "bad.example A", want: passed},
			{from: "work-web", q: "bad.example A", want: blocked},
		}},
		{id: "B11", name: "off where only some names are allowed", yaml: `lists: {only: {allow: ["www.example\n"]}}`, steps: []step{
			{q: "bad.example A", want: blocked},
			{do: pause(nil, "", 0, ""), q: "bad.example A", want: passed},
		}},
		{id: "B11", name: "a list or qube that is not there", yaml: yaml, steps: []step{
			{do: pause([]string{"nothing"}, "", 0, `there is no list "nothing"`), q: "bad.example A", want: blocked},
			{do: all(pause(nil, "absent", 0, `no qube "absent"`), paused(0)), q: "bad.example A", want: blocked},
		}},
	}
}
