package outputs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// TestElasticsearch_demo indexes every event of the demo as it is in a file, and adds no
// field to the index.
func TestElasticsearch_demo(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	before := es.Fields(t, "qubesbeat-*")
	mustRun(t, command(t, demo, elasticsearch(es.URL), replayDemo(t)...))
	compare(t, wantDemo(t), search(t, es, "qubesbeat-*"))
	for name, kind := range es.Fields(t, "qubesbeat-*") {
		if before[name] == "" {
			t.Errorf("the index has a new field %s (%s)", name, kind)
		}
	}
}

// search returns the documents of an index.
func search(t *testing.T, es *servers.Elasticsearch, pattern string) tally {
	t.Helper()
	es.Do(t, http.MethodPost, "/"+pattern+"/_refresh", nil, nil)
	var answer struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	es.Do(t, http.MethodGet, "/"+pattern+"/_search?size=10000", nil, &answer)
	all := tally{}
	for _, h := range answer.Hits.Hits {
		all.add(t, h.Source)
	}
	return all
}

// TestRedis_demo puts every event into a list, or into the list of its qube.
func TestRedis_demo(t *testing.T) {
	r := servers.StartRedis(t)
	mustRun(t, command(t, demo, fmt.Sprintf(`output.redis: {hosts: ["%s"], key: all}`, r.Address), replayDemo(t)...))
	mustRun(t, command(t, demo, fmt.Sprintf(`output.redis: {hosts: ["%s"], key: "of-%%{[qube.name]:none}"}`, r.Address), replayDemo(t)...))
	want := wantDemo(t)
	all, split, keys := tally{}, tally{}, r.Keys(t, "of-*")
	for _, e := range r.List(t, "all") {
		all.add(t, []byte(e))
	}
	for _, key := range keys {
		for _, e := range r.List(t, key) {
			split.add(t, []byte(e))
		}
	}
	compare(t, want, all)
	compare(t, want, split)
	if len(keys) < 5 {
		t.Errorf("keys = %q; want one for each qube", keys)
	}
}

// TestKafka_demo puts every event into a topic, each qube's into one partition.
func TestKafka_demo(t *testing.T) {
	servers.Require(t)
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("needs the program kcat; run: apt-get install kcat")
	}
	k := servers.StartKafka(t)
	mustRun(t, command(t, demo, fmt.Sprintf(`output.kafka: {hosts: ["%s"], topic: qubes, key: "%%{[qube.name]:none}", partition.hash.hash: [qube.name]}`, k.Address), replayDemo(t)...))
	got, partitions := tally{}, map[string]map[string]bool{}
	for _, m := range consume(t, k, kcat, "qubes") {
		got.add(t, m.value)
		if partitions[m.key] == nil {
			partitions[m.key] = map[string]bool{}
		}
		partitions[m.key][m.partition] = true
	}
	compare(t, wantDemo(t), got)
	for key, in := range partitions {
		if key != "none" && len(in) != 1 {
			t.Errorf("the events of %s are in the partitions %v; want one", key, in)
		}
	}
	if len(partitions) < 5 {
		t.Errorf("keys = %v; want one for each qube", partitions)
	}
}

// TestLogstash_demo sends every event to two receivers of different origin.
func TestLogstash_demo(t *testing.T) {
	servers.Require(t)
	want := wantDemo(t)
	t.Run("go-lumber", func(t *testing.T) {
		g := servers.StartGoLumber(t)
		mustRun(t, command(t, demo, fmt.Sprintf(`output.logstash: {hosts: ["%s"]}`, g.Address), replayDemo(t)...))
		got := tally{}
		for _, e := range g.Events() {
			got.add(t, e)
		}
		compare(t, want, got)
	})
	t.Run("camel", func(t *testing.T) {
		l := servers.StartCamel(t)
		mustRun(t, command(t, demo, fmt.Sprintf(`output.logstash: {hosts: ["%s"]}`, l.Address), replayDemo(t)...))
		poll.Settle(t, "the receiver writes", 500*time.Millisecond, func() int { return len(tallyFiles(t, l.File)) })
		compare(t, want, tallyFiles(t, l.File))
	})
}

// message is a message of Kafka.
type message struct {
	partition, key string
	value          []byte
}

// consume returns the messages of a topic.
func consume(t *testing.T, k *servers.Kafka, kcat, topic string) (all []message) {
	t.Helper()
	for partition := range servers.Partitions {
		n := k.Len(t, kcat, topic, partition)
		if n == 0 {
			continue
		}
		// A number of messages, for a broker that recovers its log says too early that it
		// has no more.
		out, err := exec.CommandContext(t.Context(), kcat, "-b", k.Address, "-C", "-t", topic, "-p", fmt.Sprint(partition), "-o", "beginning",
			"-c", fmt.Sprint(n), "-q", "-f", "%p\\t%k\\t%s\\n").Output()
		if err != nil {
			t.Fatalf("kcat: %v", err)
		}
		for line := range bytes.Lines(out) {
			part := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte("\t"), 3)
			if len(part) != 3 {
				t.Fatalf("kcat printed %q", line)
			}
			all = append(all, message{string(part[0]), string(part[1]), part[2]})
		}
	}
	return all
}

// TestElasticsearch_laptops indexes the events of two laptops that see the same as those
// of two, and those of a replay that is repeated once.
func TestElasticsearch_laptops(t *testing.T) {
	servers.Require(t)
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	counts := []int{0}
	for _, name := range []string{"laptop-a", "laptop-b", "laptop-a"} {
		mustRun(t, command(t, demo+"name: "+name+"\n", elasticsearch(es.URL), replayDemo(t)...))
		es.Do(t, http.MethodPost, "/qubesbeat-*/_refresh", nil, nil)
		counts = append(counts, es.CountWhere(t, "qubesbeat-*", "NOT type:stats"))
	}
	if first := counts[1]; first == 0 || counts[2] != 2*first || counts[3] != 2*first {
		t.Errorf("documents after each replay: %v; want as many of each laptop, and none twice", counts)
	}
	for _, name := range []string{"laptop-a", "laptop-b"} {
		if n := es.CountWhere(t, "qubesbeat-*", "qube.name:work AND observer.name:"+name); n == 0 {
			t.Errorf("%s has no work", name)
		}
	}
}
