// Package servers starts the servers that the outputs are tested with: Elasticsearch,
// Kafka, Redis, and two receivers of the Logstash output. They are the real programs,
// from Maven Central, Debian and the Go module proxy, on free ports of 127.0.0.1, and
// end with the test.
//
// What Maven builds stays in build/servers, so that the second run starts at once.
package servers
