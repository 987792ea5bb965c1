package main

import (
	"context"
	"fmt"
	"time"

	"github.com/elastic/sarama"
)

// kafka is a broker. The fleet has a topic of its own there.
type kafka struct {
	address, topic  string
	partitions, pid int
	config          *sarama.Config
}

var _ server = (*kafka)(nil) // type check

func newKafka(o *options) *kafka {
	k := &kafka{address: o.kafka, topic: fmt.Sprintf("fleet-%d", time.Now().Unix()), partitions: o.partitions, pid: o.kafkaPID, config: sarama.NewConfig()}
	k.config.Version = sarama.V2_1_0_0 // as the beat's default
	return k
}

func (k *kafka) name() string { return "kafka" }

func (k *kafka) again() bool { return true }

// output implements [server]. The key keeps the events of a qube together. A beat sends flows
// and queries until the broker has them, but counters only as often as max_retries says.
func (k *kafka) output() string {
	return fmt.Sprintf(`output.kafka: {hosts: [%q], topic: %s, key: "%%{[qube.uuid]:none}", partition.hash: {}, max_retries: -1}`, k.address, k.topic)
}

// prepare implements [server]. The topic has its own times: by those of the events Kafka deletes
// what is old, and refuses what is more than an hour ahead, over and over.
func (k *kafka) prepare(ctx context.Context, _ *fleet) error {
	admin, err := sarama.NewClusterAdmin([]string{k.address}, k.config)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	appended := "LogAppendTime"
	err = admin.CreateTopic(k.topic, &sarama.TopicDetail{NumPartitions: int32(k.partitions), ReplicationFactor: 1,
		ConfigEntries: map[string]*string{"message.timestamp.type": &appended}}, false)
	if err != nil {
		return err
	}
	return k.awaitLeaders(ctx)
}

// awaitLeaders waits until the broker takes messages for all partitions. What it refuses before
// is sent again, and then comes after what was sent later.
func (k *kafka) awaitLeaders(ctx context.Context) error {
	config := *k.config
	config.Producer.Partitioner, config.Producer.Return.Successes = sarama.NewManualPartitioner, true
	p, err := sarama.NewSyncProducer([]string{k.address}, &config)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	for partition := range int32(k.partitions) {
		for {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: k.topic, Partition: partition, Value: sarama.StringEncoder("{}")})
			if err == nil {
				break
			}
			if !pause(ctx, time.Second) {
				return fmt.Errorf("waiting for partition %d of %s: %w", partition, k.topic, err)
			}
		}
	}
	return nil
}

// arrived implements [server].
func (k *kafka) arrived(ctx context.Context) (all []arrival, others int, err error) {
	client, err := sarama.NewClient([]string{k.address}, k.config)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = client.Close() }()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = consumer.Close() }()
	for partition := range int32(k.partitions) {
		end, err := client.GetOffset(k.topic, partition, sarama.OffsetNewest)
		if err != nil {
			return nil, 0, err
		}
		some, n, err := k.consume(ctx, consumer, partition, end)
		if err != nil {
			return nil, 0, fmt.Errorf("reading partition %d of %s: %w", partition, k.topic, err)
		}
		all, others = append(all, some...), others+n
	}
	return all, others, nil
}

// consume reads a partition up to an offset.
func (k *kafka) consume(ctx context.Context, consumer sarama.Consumer, partition int32, end int64) (all []arrival, others int, err error) {
	if end == 0 {
		return nil, 0, nil
	}
	c, err := consumer.ConsumePartition(k.topic, partition, sarama.OffsetOldest)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = c.Close() }()
	for {
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case m, open := <-c.Messages():
			if !open {
				return nil, 0, fmt.Errorf("the broker ended at less than %d messages", end)
			}
			a, repeatable, err := parse(m.Value)
			if err != nil {
				return nil, 0, err
			}
			if a.partition = partition; repeatable {
				all = append(all, a)
			} else {
				others++
			}
			if m.Offset == end-1 {
				return all, others, nil
			}
		}
	}
}

// stored implements [server]. Kafka stores batches as they come, and merges nothing.
func (k *kafka) stored(context.Context) (now, merged int64, err error) {
	admin, err := sarama.NewClusterAdmin([]string{k.address}, k.config)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = admin.Close() }()
	brokers, _, err := admin.DescribeCluster()
	if err != nil {
		return 0, 0, err
	}
	var ids []int32
	for _, b := range brokers {
		ids = append(ids, b.ID())
	}
	dirs, err := admin.DescribeLogDirs(ids)
	for _, all := range dirs {
		for _, dir := range all {
			for _, t := range dir.Topics {
				if t.Topic != k.topic {
					continue
				}
				for _, p := range t.Partitions {
					now += p.Size
				}
			}
		}
	}
	return now, now, err
}

// cpu implements [server].
func (k *kafka) cpu(context.Context) (time.Duration, error) {
	if k.pid == 0 {
		return 0, nil
	}
	return processes{k.pid}.cpu(), nil
}
