// Package dom0 tests, from outside, the script in dom0 that pushes the inventory to the
// logging qube. Its qubesd is a fake that gives the answers of the real ones of Qubes OS
// 4.2 and 4.3 and changes with their event stream; its qvm-run stores what it receives.
package dom0
