// Package ecs writes the fields that events of several kinds share: the qube
// that an event is about, the qubes of its two sides, and the observer. The
// names are those of the Elastic Common Schema where it has one
// (observer.ingress.interface.name), else ours (qube.*).
package ecs
