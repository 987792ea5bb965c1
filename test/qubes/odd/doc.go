// Package odd runs the detection in the sys-log of a testbed while real programs do what it
// looks for: a loop of curl, a scan of nmap, a tunnel of iodine. What passes the vifs is
// recorded, and a replay of it must find the same.
package odd
