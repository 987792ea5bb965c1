// Package laptop makes up laptops that run Qubes OS: what dom0 says of the qubes of each, and a
// capture of what its logging qube sees of them.
//
// All laptops have the same qubes at the same addresses and vifs, as those that were installed from
// one image have: only the UUIDs differ. Disposables come and go, each with an address and a vif of
// its own. The clock of each laptop is wrong by a time of its own.
//
// The traffic is a sequence of visits: a DNS query, two connections over TLS to the answer, and a
// time request, which a sensor reports as four flows and a query, [EventsOfVisit]. That is the
// ratio that captures of desktops and phones have.
package laptop
