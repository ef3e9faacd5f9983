package config

// This file judges nats.leaf, whose url may hold a password: no message quotes it.

import (
	"net/url"
	"strings"
)

func (v *validator) checkLeaf() {
	l := v.cfg.NATS.Leaf
	if l.URL == "" {
		v.wantsLeaf("nats.leaf.credentials", l.Credentials)
		v.wantsLeaf("nats.leaf.ca", l.CA)
		return
	}
	urls, err := l.URLs()
	if err != nil {
		v.bad("nats.leaf.url", "%w", err)
		return
	}
	for _, u := range urls {
		if problem := leafProblem(u, l.Credentials != ""); problem != "" {
			v.bad("nats.leaf.url", "%s", problem)
			return
		}
		if l.CA != "" && u.Scheme != "tls" {
			v.bad("nats.leaf.ca", "has no effect without TLS; write tls:// before each server in nats.leaf.url")
			return
		}
	}
}

// wantsLeaf complains of a key that is set and means nothing without nats.leaf.url.
func (v *validator) wantsLeaf(path, value string) {
	if value != "" {
		v.bad(path, "has no effect without nats.leaf.url; set both or none")
	}
}

// leafProblem says what is wrong with a server of a cluster, or nothing.
func leafProblem(u *url.URL, credentials bool) string {
	switch {
	case u.Scheme != "nats" && u.Scheme != "nats-leaf" && u.Scheme != "tls":
		return "must begin with nats://, nats-leaf:// or tls://; write several with commas between"
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "must be a host and the port for leaf nodes, such as tls://nats.internal:7422"
	case !isPort(u.Port(), true):
		return "has the port " + u.Port() + "; write one from 1 to 65535, mostly 7422"
	case credentials && u.User != nil:
		return "holds credentials, and nats.leaf.credentials names a file of others; choose one of the two"
	}
	return ""
}
