package behaviour

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/behaviour/baseline"
)

// The bounds of an upload, in bytes within an hour if nothing else is said.
const (
	uploadLow, uploadMedium, uploadHigh = 1 << 20, 20 << 20, 200 << 20
	uploadRatio                         = 2        // times what came back
	uploadDay                           = 50 << 20 // within a day, slowly
	uploadGrowth                        = 8        // times the most in an hour before
)

// upload adds what was sent and reports much of it.
func (e *Engine) upload() {
	o, s := e.obs, e.cur
	if o.Up == 0 || o.Place == Qube {
		return
	}
	u := &s.uploads[e.net%uint64(len(s.uploads))]
	if hour := o.At / 3600e9; u.dest != e.net {
		if u.hour == hour && u.up > o.Up { // a larger one of this hour stays
			return
		}
		*u = upload{dest: e.net, hour: hour, day: o.At / day}
	} else if u.hour != hour {
		u.hour, u.up, u.down = hour, 0, 0
	}
	if u.day != o.At/day {
		u.day, u.dayUp = o.At/day, 0
	}
	u.up, u.down, u.dayUp = u.up+o.Up, u.down+o.Down, u.dayUp+o.Up
	e.judgeUpload(u)
}

// judgeUpload reports an upload that is large for the destination.
func (e *Engine) judgeUpload(u *upload) {
	o := e.obs
	entry := e.cur.base.Find(baseline.Destination, e.net)
	known := e.cur.base.Known(entry, o.At)
	var before uint64
	if entry != nil {
		before = entry.AddUpload(u.up)
	}
	slow := !known && u.dayUp >= uploadDay
	if u.up < uploadLow && !slow || u.up < uploadRatio*u.down || known && u.up < uploadGrowth*before {
		return
	}
	if !e.skips(Upload, "hour", e.net) && !e.skips(Upload, "day", e.net) {
		e.reportUpload(u, slow)
	}
}

// reportUpload reports an upload; slow says that a day of it is much.
func (e *Engine) reportUpload(u *upload, slow bool) {
	f := &Finding{Rule: Upload, Way: "hour", Level: Low, Score: 0.5, dest: e.net, BytesUp: u.up, BytesDown: u.down}
	switch {
	case u.up >= uploadHigh:
		f.Level, f.Score = High, 0.9
	case u.up >= uploadMedium:
		f.Level, f.Score = Medium, 0.7
	case slow && u.up < uploadLow:
		f.Way, f.Level, f.BytesUp = "day", Medium, u.dayUp
	}
	if !e.learned() && f.Level > Low {
		f.Level = f.Level.down()
	}
	f.Reason = fmt.Sprintf("%s has sent %s to %s within %s, and received %s", e.who(), size(f.BytesUp), e.whom(),
		map[string]string{"hour": "an hour", "day": "a day"}[f.Way], size(u.down))
	e.report(f)
}
