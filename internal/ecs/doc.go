// Package ecs writes the fields that events of several kinds share: the qube that an
// event is about, the qubes of its two endpoints, and the observer. The names are those
// of the Elastic Common Schema if it has one (observer.ingress.interface.name), and ours
// otherwise (qube.*).
package ecs
