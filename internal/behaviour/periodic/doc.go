// Package periodic finds series of arrivals that come at intervals too regular for
// chance: the check-ins of implants, but also polls and keepalives. What the gaps of a
// series look like is compared with what those of a Poisson process would, at critical
// values that were simulated; so a verdict needs neither a whole day nor a window.
//
// A series costs a fixed number of bytes, does not allocate, and knows packet time only.
package periodic
