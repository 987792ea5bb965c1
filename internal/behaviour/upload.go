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
	uploadGrowth, uploadGrowthHigh      = 8, 4     // times the most in an hour before; the latter of what is high
)

// uploadPlaces is how many places an upload may have: a destination that gets little at a time keeps its
// own beside those that get more.
const uploadPlaces = 4

// uploadOf returns the place of the uploads to the current destination, nil if there is none.
func (s *subject) uploadOf(dest uint64, at int64) *upload {
	var least *upload
	for i := range uint64(uploadPlaces) {
		u := &s.uploads[(dest+i)%uint64(len(s.uploads))]
		if u.dest == dest {
			return u
		}
		if least == nil || u.sent(at) < least.sent(at) {
			least = u
		}
	}
	return least
}

// sent returns what was sent in the day of a time.
func (u *upload) sent(at int64) uint64 {
	if u.day != at/day {
		return 0
	}
	return u.dayUp
}

// upload adds what was sent and reports much of it.
func (e *Engine) upload() {
	o, s := e.obs, e.cur
	if o.Up == 0 || o.Place == Qube {
		return
	}
	u := s.uploadOf(e.net, o.At)
	hour := o.At / 3600e9
	if u.dest != e.net {
		if u.hour == hour && u.sent(o.At) > o.Up { // a larger one of this hour stays
			return
		}
		e.uploaded(u)
		*u = upload{dest: e.net, hour: hour, day: o.At / day}
	} else if u.hour != hour {
		e.uploaded(u)
		u.hour, u.up, u.down = hour, 0, 0
	}
	if u.day != o.At/day {
		u.day, u.dayUp, u.dayDown = o.At/day, 0, 0
	}
	u.up, u.down, u.dayUp, u.dayDown = u.up+o.Up, u.down+o.Down, u.dayUp+o.Up, u.dayDown+o.Down
	e.judgeUpload(u)
}

// uploaded records what was sent in an hour that is over.
func (e *Engine) uploaded(u *upload) {
	if entry := e.cur.base.Find(baseline.Destination, u.dest); entry != nil {
		entry.AddUpload(u.up)
	}
}

// judgeUpload reports an upload that is large for the destination.
func (e *Engine) judgeUpload(u *upload) {
	entry := e.cur.base.Find(baseline.Destination, e.net)
	known := e.cur.base.Known(entry, e.obs.At)
	if u.up >= uploadLow && u.up >= uploadRatio*u.down && (!known || u.up >= growth(u.up)*entry.Upload()) {
		e.reportUpload("hour", hourLevel(u.up), u.up, u.down)
	}
	if !known && u.dayUp >= uploadDay && u.dayUp >= uploadRatio*u.dayDown && hourLevel(u.up) < Medium {
		e.reportUpload("day", Medium, u.dayUp, u.dayDown)
	}
}

// growth returns how many times the most before an upload must be: who sends more from hour to hour
// must not get away with any amount.
func growth(up uint64) uint64 {
	if up >= uploadHigh {
		return uploadGrowthHigh
	}
	return uploadGrowth
}

// hourLevel returns the level of what was sent within an hour.
func hourLevel(up uint64) Level {
	switch {
	case up >= uploadHigh:
		return High
	case up >= uploadMedium:
		return Medium
	}
	return Low
}

// reportUpload reports an upload of an hour or a day.
func (e *Engine) reportUpload(way string, level Level, up, down uint64) {
	if e.skips(Upload, way, e.net) {
		return
	}
	f := &Finding{Rule: Upload, Way: way, Level: level, Score: 0.3 + 0.2*float64(level), dest: e.net, BytesUp: up, BytesDown: down}
	if !e.learned() && f.Level > Low {
		f.Level = f.Level.down()
	}
	f.Reason = fmt.Sprintf("%s has sent %s to %s within %s, and received %s", e.who(), size(up), e.whom(),
		map[string]string{"hour": "an hour", "day": "a day"}[way], size(down))
	e.report(f)
}
