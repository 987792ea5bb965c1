package outputcheck

import (
	"fmt"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common/kafka"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/testing"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
	"github.com/elastic/sarama"
)

// kafkaSettings are the keys of output.kafka that a connection depends on.
type kafkaSettings struct {
	Topic    string           `config:"topic"`
	Topics   []any            `config:"topics"`
	Timeout  time.Duration    `config:"timeout"`
	Version  kafka.Version    `config:"version"`
	ClientID string           `config:"client_id"`
	Username string           `config:"username"`
	Password string           `config:"password"`
	Sasl     kafka.SaslConfig `config:"sasl"`
	Kerberos *conf.C          `config:"kerberos"`
}

const kafkaPort = "9092"

// checkKafka tests the hosts of output.kafka: each must give the addresses of the
// brokers, the brokers must be reachable there, and the topic must exist or be created.
func checkKafka(d *driver, info beat.Info, c *conf.C) error {
	settings := kafkaSettings{Timeout: 30 * time.Second, Version: "2.1.0", ClientID: "beats"}
	hosts, tls, err := read("kafka", c, &settings, info)
	if err != nil {
		return err
	}
	library, err := settings.sarama(tls)
	if err != nil {
		return fmt.Errorf("output.kafka: %w", err)
	}
	for _, host := range hosts {
		e := endpoint{address: withPort(host, kafkaPort), tls: tls, timeout: settings.Timeout, log: info.Logger}
		d.host(e.plain(), func() {
			d.Run("kafka: "+e.address, func(d testing.Driver) {
				e.dial(d)
				if settings.Kerberos != nil && settings.Kerberos.Enabled() {
					d.Warn("Kerberos", "is not tested, nor is what comes after it")
					return
				}
				settings.talk(d, e.address, library)
			})
		})
	}
	return nil
}

// sarama returns the settings of the client library, as the output makes them.
func (s *kafkaSettings) sarama(tls *tlscommon.TLSConfig) (*sarama.Config, error) {
	k := sarama.NewConfig()
	k.Net.DialTimeout, k.Net.ReadTimeout, k.Net.WriteTimeout = s.Timeout, s.Timeout, s.Timeout
	k.ClientID = s.ClientID
	if tls != nil {
		k.Net.TLS.Enable, k.Net.TLS.Config = true, tls.BuildModuleClientConfig("")
	}
	if s.Username != "" {
		k.Net.SASL.Enable, k.Net.SASL.User, k.Net.SASL.Password = true, s.Username, s.Password
		s.Sasl.ConfigureSarama(k)
	}
	version, ok := s.Version.Get()
	if !ok {
		return nil, fmt.Errorf("version: %q is none of Kafka's", string(s.Version))
	}
	k.Version = version
	k.Metadata.Retry.Max = 0
	k.Metadata.AllowAutoTopicCreation = false // a test must not make a topic
	k.Metadata.Full = false
	return k, k.Validate()
}

// talk asks a host for the brokers and the topic.
func (s *kafkaSettings) talk(d testing.Driver, address string, k *sarama.Config) {
	client, err := sarama.NewClient([]string{address}, k)
	if err == nil {
		defer func() { _ = client.Close() }()
		err = client.RefreshMetadata()
	}
	d.Fatal("talk to server", err)
	for _, b := range client.Brokers() {
		d.Fatal(fmt.Sprintf("broker %d at %s", b.ID(), b.Addr()), reach(b, k))
	}
	s.checkTopic(d, client)
}

// reach connects to a broker at the address that it gives to clients.
func reach(b *sarama.Broker, k *sarama.Config) error {
	if err := b.Open(k); err != nil && err != sarama.ErrAlreadyConnected { //nolint:errorlint // it is that value
		return fmt.Errorf("the advertised address: %w", err)
	}
	if _, err := b.Connected(); err != nil {
		return fmt.Errorf("the advertised address: %w", err)
	}
	return nil
}
