// This file judges nats.leaf, whose url may hold a password: no message quotes it.

package config

import (
	"net/url"
	"strings"
)

func (v *validator) checkLeaf() {
	l := v.cfg.NATS.Leaf
	if l.URL == "" {
		if l.Credentials != "" {
			v.bad("nats.leaf.credentials", "has no effect without nats.leaf.url; set both or none")
		}
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
	}
}

// leafProblem says what is wrong with a server of a cluster, or nothing.
func leafProblem(u *url.URL, credentials bool) string {
	switch {
	case u.Scheme != "nats" && u.Scheme != "nats-leaf" && u.Scheme != "tls":
		return "must begin with nats://, nats-leaf:// or tls://; write several with commas between"
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "must be a host and the port for leaf nodes, such as tls://nats.internal:7422"
	case credentials && u.User != nil:
		return "holds credentials, and nats.leaf.credentials names a file of others; choose one of the two"
	}
	return ""
}
