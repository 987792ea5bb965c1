package blocky

import (
	"slices"
	"strings"
	"time"
)

// weekdays are the days of the week as blocky writes them.
var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// schedules translates parts of the week. It returns the function that returns those
// of a list, under their names here.
func (c *converter) schedules() func(list string) []string {
	known, own := names{}, map[string]string{}
	c.at("blocking.schedules").children(func(name string, v *node) {
		if s := c.schedule(v); s != nil {
			own[name] = known.of(name)
			c.set("schedules."+own[name], s)
		}
	})
	of := map[string][]string{}
	c.at("blocking.listSchedules").children(func(list string, v *node) {
		for _, one := range v.texts() {
			switch name := own[one.text]; {
			case name == "":
				c.warn(one, "%s: left out: there is no such schedule that can be used", one.text)
			case !slices.Contains(of[list], name):
				of[list] = append(of[list], name)
			}
		}
		if len(of[list]) == 0 {
			c.warn(v, "the list applies at all times")
		}
	})
	return func(list string) []string { return of[list] }
}

// schedule translates one part of the week, nil if it never begins.
func (c *converter) schedule(n *node) map[string]any {
	from, to := c.field(n, "start"), c.field(n, "end")
	begin, end := from.one(), to.one()
	switch {
	case begin == "" && end == "": // the whole day
		begin, end = "00:00", "24:00"
	case begin == "" || end == "" || !isClock(begin) || !isClock(end):
		c.warn(n, "%q to %q is not a part of a day such as 22:00 to 06:00; the whole day is used", begin, end)
		begin, end = "00:00", "24:00"
	case begin == end:
		c.warn(n, "left out: it ends at %s when it begins, so that it never applies", end)
		markRead(n)
		return nil
	}
	days := c.days(n)
	if len(days) == 0 {
		c.warn(n, "left out: it has no day of the week such as mon")
		return nil
	}
	return map[string]any{"weekdays": days, "start": begin, "end": end}
}

func (c *converter) days(n *node) (days []string) {
	for _, one := range c.field(n, "weekdays").texts() {
		day := strings.ToLower(one.text)
		if !slices.Contains(weekdays, day) {
			c.warn(one, "%q: left out: it is not a day of the week such as mon", one.text)
			continue
		}
		days = append(days, day)
	}
	return days
}

// field returns a value of a mapping, nil if it is absent.
func (c *converter) field(n *node, key string) *node {
	if n == nil {
		return nil
	}
	return n.fields[key]
}

// isClock reports whether a text is a time of day.
func isClock(text string) bool {
	_, err := time.Parse("15:04", text)
	return err == nil
}
