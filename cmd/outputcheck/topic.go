package outputcheck

import (
	"errors"
	"strconv"
	"strings"

	"github.com/elastic/elastic-agent-libs/testing"
	"github.com/elastic/sarama"
)

// checkTopic looks whether the topic exists or is made with the first event.
func (s *kafkaSettings) checkTopic(d testing.Driver, client sarama.Client) {
	if len(s.Topics) > 0 || s.Topic == "" || strings.Contains(s.Topic, "%{") {
		d.Info("topic", "depends on the event, and is not looked for")
		return
	}
	step := "topic " + s.Topic
	partitions, err := client.Partitions(s.Topic)
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		switch creates, known := createsTopics(client); {
		case !known:
			d.Warn(step, "does not exist, and the broker does not say whether it creates topics; create it")
			return
		case creates:
			d.Info(step, "does not exist; the broker creates it with the first event")
			return
		}
	}
	d.Fatal(step, err)
	d.Info("partitions", strconv.Itoa(len(partitions)))
}

// autoCreate is the broker's setting.
const autoCreate = "auto.create.topics.enable"

// createsTopics reports whether the brokers create topics that are asked for. That is
// not known if the user may not read their settings.
func createsTopics(client sarama.Client) (creates, known bool) {
	admin, err := sarama.NewClusterAdminFromClient(client) // not closed, for that would close the client
	if err != nil {
		return false, false
	}
	for _, b := range client.Brokers() {
		entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.BrokerResource, Name: strconv.Itoa(int(b.ID())), ConfigNames: []string{autoCreate}})
		if err != nil {
			return false, false
		}
		for _, e := range entries {
			if e.Name == autoCreate {
				return e.Value == "true", true
			}
		}
	}
	return false, false
}
