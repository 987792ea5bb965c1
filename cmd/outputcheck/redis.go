package outputcheck

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/testing"
	"github.com/elastic/elastic-agent-libs/transport"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
	"github.com/gomodule/redigo/redis"
)

// redisSettings are the keys of output.redis that a connection depends on.
type redisSettings struct {
	Password string                `config:"password"`
	Index    string                `config:"index"`
	Key      string                `config:"key"`
	Keys     []any                 `config:"keys"`
	DataType string                `config:"datatype"`
	DB       int                   `config:"db"`
	Timeout  time.Duration         `config:"timeout"`
	Proxy    transport.ProxyConfig `config:",inline"`
}

const redisPort = "6379"

// checkRedis tests the hosts of output.redis.
func checkRedis(d *driver, info beat.Info, c *conf.C) error {
	settings := redisSettings{Timeout: 5 * time.Second, DataType: "list", Index: info.Beat}
	hosts, tls, err := read("redis", c, &settings, info)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		e := endpoint{tls: tls, proxy: &settings.Proxy, timeout: settings.Timeout, log: info.Logger}
		password, err := e.parseRedis(host)
		if err != nil {
			return fmt.Errorf("output.redis.hosts: %w", err)
		}
		own := settings
		if password != "" {
			own.Password = password
		}
		d.host(e.plain(), func() {
			d.Run("redis: "+e.address, func(d testing.Driver) {
				e.dial(d)
				conn, err := e.connect()
				if err != nil {
					d.Fatal("connect", err)
				}
				own.talk(d, conn)
			})
		})
	}
	return nil
}

// parseRedis reads a host, which may be a URL, as the output does, and returns its
// password.
func (e *endpoint) parseRedis(host string) (password string, err error) {
	hasScheme := strings.Contains(host, "://")
	if !hasScheme {
		host = "redis://" + host
	}
	u, err := url.Parse(host)
	if err != nil {
		return "", err
	}
	switch {
	case u.Scheme == "redis" && hasScheme:
		e.tls = nil
	case u.Scheme == "rediss" && e.tls == nil:
		e.tls = &tlscommon.TLSConfig{}
	}
	e.address = withPort(u.Host, redisPort)
	password, _ = u.User.Password()
	return password, nil
}

// talk prints the steps that the output takes before it sends events, and looks at the
// key.
func (s *redisSettings) talk(d testing.Driver, conn net.Conn) {
	c := redis.NewConn(conn, s.Timeout, s.Timeout)
	defer func() { _ = c.Close() }()
	do := func(step, command string, args ...any) any {
		reply, err := c.Do(command, args...)
		d.Fatal(step, err)
		return reply
	}
	if s.Password != "" {
		do("password", "AUTH", s.Password)
	}
	do("talk to server", "PING")
	if s.DB != 0 {
		do("database", "SELECT", s.DB)
	}
	info, _ := redis.String(do("ask for the version", "INFO", "server"), nil)
	d.Info("version", redisVersion(info))
	if s.DataType == "channel" {
		return
	}
	key := s.Key
	if key == "" {
		key = s.Index
	}
	if len(s.Keys) > 0 || strings.Contains(key, "%{") {
		d.Info("key", "depends on the event, and is not looked at")
		return
	}
	kind, err := redis.String(c.Do("TYPE", key))
	if err == nil && kind != "list" && kind != "none" {
		err = fmt.Errorf("WRONGTYPE: it holds a value of type %s", kind)
	}
	d.Fatal("key "+key, err)
}

// redisVersion returns the version from the answer to INFO.
func redisVersion(info string) string {
	_, after, _ := strings.Cut(info, "redis_version:")
	version, _, _ := strings.Cut(after, "\r\n")
	return version
}
