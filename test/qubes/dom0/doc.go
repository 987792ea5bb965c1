// Package dom0 tests, from outside, the scripts in dom0: that which pushes the inventory to
// the logging qube, and that which has qubes send probes. Their qubesd is a fake that gives
// the answers of the real ones of Qubes OS 4.2 and 4.3 and changes with their event stream;
// their qvm-run stores what it receives.
package dom0
