// Package settings reads the configuration: the part that is ours, strictly, and the parts
// whose types are libbeat's and packetbeat's.
package settings
