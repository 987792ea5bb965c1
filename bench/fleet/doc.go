// Command fleet runs the sensors of many laptops, real beats that replay captures of package
// laptop, into one Elasticsearch and one Kafka. It says what a sensor and a server cost at rest and
// under load, and checks that every event arrives once, in order, and under the name of its laptop.
//
// The servers must be empty and be there already; go tool mage benchFleet starts them. The checks:
//
//   - the file that a sensor writes has as many flows and queries as its capture has;
//   - each server then has the events of the files, each once and with the name of that sensor;
//   - the same sensors again, as after a restore or a lost acknowledgement, add no document to
//     Elasticsearch; what they add to Kafka has the ids of what was there;
//   - Kafka has the events of each qube in one partition, in the order of the file;
//   - the qubes called work of two laptops are two.
package main
