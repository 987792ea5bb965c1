// Package flood lets one qube flood every place between its packets and the output, and
// looks for what a quiet neighbour has lost: nothing. One test does so in the process,
// place by place, the other one in the sys-log of a testbed.
package flood
