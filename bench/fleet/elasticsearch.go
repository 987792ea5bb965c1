package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// elasticsearch is a server whose only events are those of the fleet.
type elasticsearch struct{ url string }

var _ server = (*elasticsearch)(nil) // type check

// indices are those of the default data stream.
const indices = "/qubesbeat-*"

func (e *elasticsearch) name() string { return "elasticsearch" }

func (e *elasticsearch) again() bool { return false }

func (e *elasticsearch) output() string {
	return fmt.Sprintf("output.elasticsearch: {hosts: [%q]}", e.url)
}

// prepare implements [server]. A beat loads the index template.
func (e *elasticsearch) prepare(ctx context.Context, f *fleet) error {
	var found struct{ Count int }
	if err := e.do(ctx, http.MethodGet, indices+"/_count?allow_no_indices=true", nil, &found); err != nil {
		return err
	}
	if found.Count > 0 {
		return fmt.Errorf("%s has %d events in %s; use an empty server", e.url, found.Count, indices)
	}
	b, err := f.newBeat(ctx, f.sensors[0], "setup", e.output(), "setup", "--index-management")
	if err == nil {
		_, err = b.run()
	}
	return err
}

// page is a part of the documents.
type page struct {
	ID   string `json:"_scroll_id"`
	Hits struct {
		Hits []struct {
			Source json.RawMessage `json:"_source"`
		}
	}
}

// arrived implements [server].
func (e *elasticsearch) arrived(ctx context.Context) (all []arrival, others int, err error) {
	if err := e.do(ctx, http.MethodPost, indices+"/_refresh", nil, nil); err != nil {
		return nil, 0, err
	}
	var p page
	err = e.do(ctx, http.MethodPost, indices+"/_search?scroll=1m", map[string]any{"size": 10_000, "sort": []string{"_doc"},
		"_source": []string{"type", "observer.name", "qube.name", "qube.uuid", "event.id"}}, &p)
	for err == nil && len(p.Hits.Hits) > 0 {
		for _, h := range p.Hits.Hits {
			a, repeatable, err := parse(h.Source)
			if err != nil {
				return nil, 0, err
			}
			if !repeatable {
				others++
				continue
			}
			a.partition = noOrder
			all = append(all, a)
		}
		id := p.ID
		p = page{}
		err = e.do(ctx, http.MethodPost, "/_search/scroll", map[string]any{"scroll": "1m", "scroll_id": id}, &p)
	}
	return all, others, err
}

// stored implements [server].
func (e *elasticsearch) stored(ctx context.Context) (now, merged int64, err error) {
	if now, err = e.size(ctx); err != nil {
		return 0, 0, err
	}
	if err = e.do(ctx, http.MethodPost, indices+"/_forcemerge?max_num_segments=1", nil, nil); err != nil {
		return 0, 0, err
	}
	merged, err = e.size(ctx)
	return now, merged, err
}

// size returns the bytes of the segments of the primary shards. The statistics of the store would
// be ten seconds old (index.store.stats_refresh_interval).
func (e *elasticsearch) size(ctx context.Context) (int64, error) {
	for _, path := range []string{"/_flush?force=true&wait_if_ongoing=true", "/_refresh"} {
		if err := e.do(ctx, http.MethodPost, indices+path, nil, nil); err != nil {
			return 0, err
		}
	}
	var stats struct {
		All struct {
			Primaries struct {
				Docs struct {
					Size int64 `json:"total_size_in_bytes"`
				}
			}
		} `json:"_all"`
	}
	err := e.do(ctx, http.MethodGet, indices+"/_stats/docs", nil, &stats)
	return stats.All.Primaries.Docs.Size, err
}

// cpu implements [server].
func (e *elasticsearch) cpu(ctx context.Context) (t time.Duration, err error) {
	var stats struct {
		Nodes map[string]struct {
			Process struct {
				CPU struct {
					Total int64 `json:"total_in_millis"`
				}
			}
		}
	}
	err = e.do(ctx, http.MethodGet, "/_nodes/stats/process", nil, &stats)
	for _, n := range stats.Nodes {
		t += time.Duration(n.Process.CPU.Total) * time.Millisecond
	}
	return t, err
}

// do sends a request with a JSON body, unless that is nil, and reads the answer into to, unless
// that is nil.
func (e *elasticsearch) do(ctx context.Context, method, path string, body, to any) error {
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, e.url+path, &in)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s (%v) %.500s", method, path, resp.Status, err, text)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(text, to)
}
