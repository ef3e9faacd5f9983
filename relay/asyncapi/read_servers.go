package asyncapi

// The servers of a document of either version, as upstreams.

import (
	"strings"

	"redis-relay/config"
)

// addresses returns the addresses of the Redises: of main, or "", and of others by name. Where several servers are one
// Redis, as sentinels are, it has no address here.
func (r *reader) addresses() (main string, others map[string]string, err error) {
	found, all := map[string][]string{}, r.root.child("servers")
	list, err := all.pairs()
	if err != nil {
		return "", nil, err
	}
	for _, p := range list {
		s, err := r.mappingAt(all.child(p.key))
		if err != nil {
			return "", nil, err
		}
		upstream := textOf(get(get(s.node, extension), "upstream"))
		if upstream == "" {
			upstream = config.MainUpstream
		}
		if address := r.address(s); address != "" {
			found[upstream] = append(found[upstream], address)
		}
	}
	others = map[string]string{}
	for upstream, list := range found {
		switch {
		case len(list) > 1:
		case upstream == config.MainUpstream:
			main = list[0]
		default:
			others[upstream] = list[0]
		}
	}
	return main, others, nil
}

// address is that of a server; "": it is no Redis, or somebody must fill in something.
func (r *reader) address(server spot) string {
	protocol := textOf(get(server.node, "protocol"))
	host := textOf(get(server.node, "host")) + textOf(get(server.node, "pathname"))
	if r.old {
		host = textOf(get(server.node, "url"))
		if _, after, ok := strings.Cut(host, "://"); ok {
			host = after
		}
	}
	switch {
	case host == "" || strings.ContainsAny(host, "{@?"):
		return ""
	case protocol == "redis":
		return "redis://" + host
	case protocol == "rediss" || protocol == "redis-secure" || protocol == "secure-redis":
		return "rediss://" + host
	}
	return ""
}
