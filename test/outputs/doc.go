// Package outputs tests the outputs with the servers that users have: what arrives is
// what was metered, nothing is refused, a server that is killed, refuses or is away costs
// no event, and every panel of our dashboards finds rows.
package outputs
