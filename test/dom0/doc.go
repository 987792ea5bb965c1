// Package dom0 tests, from outside, the script that runs in dom0 and tells the
// logging qube who is behind it. The qubesd that it asks is a fake that answers
// in the words of the real ones of Qubes OS 4.2 and 4.3 and changes as their
// event stream says; the qvm-run that it starts keeps what it is given. Another
// script than packaging/dom0/qubesbeat-inventory is tested with
// QUBESBEAT_DOM0_SCRIPT=FILE.
package dom0
