// Package shunt runs two beats on the same vifs, one that captures every packet and one
// whose bulk flows are counted in the kernel, and compares their events.
package shunt
