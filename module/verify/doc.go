// Package verify shows the packets of the qubes to package internal/verify, with what the
// configuration, the inventory and the rules of this machine say, and publishes the
// verdicts.
package verify
