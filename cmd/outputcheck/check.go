package outputcheck

import (
	"errors"
	"io"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
)

// ErrFailed is returned if a host does not work. Why was printed.
var ErrFailed = errors.New("the output does not work as it is set; the lines with \"next step\" above say what to do")

// check tests the hosts of an output.
type check func(d *driver, info beat.Info, c *conf.C) error

// checkFor returns the test of an output, nil if there is none.
func checkFor(output string) check {
	switch output {
	case "elasticsearch":
		return checkElasticsearch
	case "logstash":
		return checkLogstash
	case "kafka":
		return checkKafka
	case "redis":
		return checkRedis
	}
	return nil
}

// Knows reports whether there is a test for an output, by libbeat's name.
func Knows(output string) bool { return checkFor(output) != nil }

// Run tests an output, with its settings, and writes what it does to w, in the form of
// libbeat's test. It returns an error that wraps [ErrFailed] if a host does not work,
// and others for settings that are invalid. The output must be one that [Knows] knows.
func Run(info beat.Info, output string, settings *conf.C, w io.Writer) error {
	d := newDriver(output, w)
	if err := checkFor(output)(d, info, settings); err != nil {
		return err
	}
	if d.failures.count > 0 {
		return ErrFailed
	}
	return nil
}
