package evaluate

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/hello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Items returns what happens in the files of a case, in the order of time.
func Items(c *Case) (items []detect.Item, err error) {
	if isLog(c.Paths[0]) {
		return zeek(c.Paths)
	}
	if filepath.Ext(c.Paths[0]) == ".csv" {
		if isPacketList(c.Paths[0]) {
			return packetList(c.Paths[0])
		}
		return nameList(c.Paths[0])
	}
	for _, path := range c.Paths {
		list, err := captured(path)
		if err != nil {
			return nil, err
		}
		items = append(items, list...)
	}
	return items, nil
}

// tableConfig are the settings of the flow table, those of a beat whose settings are the
// defaults.
var tableConfig = flow.Config{IdleTimeout: 30 * time.Second, ActiveTimeout: 30 * time.Minute, MaxFlows: 500_000, Seed: 1}

// captured returns what happens in a capture file.
func captured(path string) (items []detect.Item, err error) {
	src, err := capture.OpenFile(path, nil)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	hellos := hello.New()
	feed := detect.NewFeed(func(list ...detect.Item) { items = append(items, list...) }, hellos.Peek)
	conf := tableConfig
	conf.Notice = feed.Notice
	conf.Report = func(r *flow.Record) {
		feed.Record(r)
		hellos.ForRecord(r)
	}
	table, err := flow.New(conf)
	if err != nil {
		return nil, err
	}
	var f capture.Frame
	for {
		if err = src.Next(&f); err != nil {
			break
		}
		var p packet.Packet
		switch f.Decode(&p) {
		case packet.OK:
			hellos.Packet(&p, f.Data)
			feed.Packet(&p, f.Data)
			table.Update(&p)
		case packet.NonIP:
			feed.Frame(&f)
		}
		feed.Flush(true)
	}
	table.Flush(flow.ReasonForced)
	feed.Flush(true)
	if !errors.Is(err, io.EOF) && len(items) == 0 {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return items, nil
}

// sortItems sorts by time and keeps the order of what happens at once.
func sortItems(items []detect.Item) {
	slices.SortStableFunc(items, func(a, b detect.Item) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
}

// span returns the times of the first and the last item.
func span(items []detect.Item) (first, last int64) {
	for i := range items {
		if at := items[i].At; first == 0 || at < first {
			first = at
		}
		last = max(last, items[i].At)
	}
	return first, last
}

// shortName returns the last two parts of a path.
func shortName(path string) string {
	dir, file := filepath.Split(path)
	return strings.TrimPrefix(filepath.Join(filepath.Base(dir), file), "/")
}
