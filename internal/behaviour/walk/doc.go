// Package walk finds scans: contacts that fail, by the threshold random walk of Jung et
// al., "Fast Portscan Detection Using Sequential Hypothesis Testing" (2004), and by
// counting the ports of one host and the hosts of one port that do not answer.
//
// Everything has a fixed size and works on packet time.
package walk
