package resolver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// web is a server of lists.
type web struct {
	url   string
	mu    sync.Mutex
	pages map[string]*page // guarded by mu
}

// page is what the server has under a path.
type page struct {
	text   string
	status int    // 0 for 200
	etag   string // with which it says 304
	hang   int32  // so many times there is no answer
	asked  int32
	fresh  int32 // how often the whole was sent
}

// newWeb starts a server of lists. It ends with the test.
func newWeb(t testing.TB) *web {
	t.Helper()
	w := &web{pages: map[string]*page{}}
	s := httptest.NewServer(w)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	w.url = s.URL
	return w
}

// ServeHTTP implements http.Handler.
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	p := w.pages[r.URL.Path]
	if p == nil {
		p = &page{status: http.StatusNotFound}
		w.pages[r.URL.Path] = p
	}
	p.asked++
	if p.hang > 0 {
		p.hang--
		w.mu.Unlock()
		<-r.Context().Done() // the client gives up
		return
	}
	defer w.mu.Unlock()
	switch {
	case p.status != 0:
		http.Error(out, "no", p.status)
		return
	case p.etag != "":
		out.Header().Set("ETag", p.etag)
		if r.Header.Get("If-None-Match") == p.etag {
			out.WriteHeader(http.StatusNotModified)
			return
		}
	}
	p.fresh++
	fmt.Fprint(out, p.text)
}

// have puts a page on the server.
func have(path string, p page) func(t testing.TB, w *world) {
	return func(_ testing.TB, w *world) {
		w.web.mu.Lock()
		defer w.web.mu.Unlock()
		if old := w.web.pages[path]; old != nil {
			p.asked, p.fresh = old.asked, old.fresh
		}
		w.web.pages[path] = &p
	}
}

// settle waits until the lists have been fetched for the first time, so that what
// a row does to them comes second, and forgets how often they were asked for.
func (w *world) settle(t testing.TB, begin time.Time) {
	t.Helper()
	dnstest.Until(t, "the lists were fetched", func() bool {
		for _, s := range w.conf.Lists.Status() {
			if !strings.Contains(s.Location, "\n") && s.Tried.Before(begin) {
				return false
			}
		}
		return true
	})
	// What was fetched is used after its status was set. Another refresh waits for
	// that; it fetches nothing.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.RefreshLists(ctx, false)
	w.web.mu.Lock()
	defer w.web.mu.Unlock()
	for _, p := range w.web.pages {
		p.asked, p.fresh = 0, 0
	}
}

// refresh fetches the lists again. want is a part of what is said to be wrong, ""
// where nothing is.
func refresh(force bool, want string) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		err := w.RefreshLists(context.Background(), force)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("the refresh says %v; want %q", err, want)
		}
	}
}

// all does one thing after the other.
func all(list ...func(t testing.TB, w *world)) func(t testing.TB, w *world) {
	return func(t testing.TB, w *world) {
		t.Helper()
		for _, do := range list {
			do(t, w)
		}
	}
}
