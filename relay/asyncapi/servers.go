package asyncapi

// The servers of a document.

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/config"
)

// servers are the Redises of a configuration.
type servers struct {
	all     *yaml.Node
	of      map[string][]string // the names of the servers of each upstream
	several bool                // upstreams
}

// addServers describes the Redises of a configuration.
func (e *exporter) addServers(cfg *config.Config) {
	upstreams, names := cfg.UpstreamNames(), taken{}
	e.servers = servers{mapping(), map[string][]string{}, len(upstreams) > 1}
	for _, upstream := range upstreams {
		r, name := cfg.Upstream(upstream), "redis"
		var own *yaml.Node
		if upstream != config.MainUpstream {
			name, own = upstream, mapping(pair{"upstream", text(upstream)})
		}
		for _, server := range serversOf(&r, e.about(upstream)) {
			key := names.free(name)
			if own != nil {
				set(server, extension, own)
			}
			set(e.servers.all, key, server)
			e.of[upstream] = append(e.of[upstream], key)
		}
	}
}

// about calls a Redis so that people know which it is.
func (s *servers) about(upstream string) string {
	if s.several {
		return "The Redis " + upstream + " behind the relays"
	}
	return "The Redis behind the relays"
}

// where says on which Redis the channels of a route are, if there are several.
func (s *servers) where(r *config.Route) string {
	switch {
	case !s.several:
		return ""
	case len(r.AlsoSubscribe) == 0:
		return " They are on the Redis " + r.Upstream + "."
	}
	return " They are on the Redis " + r.Upstream + ". What is published on " + strings.Join(r.AlsoSubscribe, ", ") +
		" is heard, too."
}

// refs refers to the servers of a route; nil: to all there are.
func (s *servers) refs(r *config.Route) *yaml.Node {
	if !s.several {
		return nil
	}
	refs := list()
	for _, upstream := range append([]string{r.Upstream}, r.AlsoSubscribe...) {
		for _, name := range s.of[upstream] {
			refs.Content = append(refs.Content, refTo("#/servers/"+name))
		}
	}
	if len(refs.Content) == 0 {
		return nil
	}
	return refs
}

// serversOf describes a Redis without its credentials. A Redis inside the relay, and one behind a Unix socket, has no
// address that others could use.
func serversOf(r *config.Redis, about string) (servers []*yaml.Node) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || r.IsEmbedded() {
		return nil
	}
	hosts := []string{u.Host}
	if r.Mode == config.ModeSentinel {
		about = fmt.Sprintf("A sentinel of the master %q, which is %s", u.Query().Get("master_name"),
			strings.Replace(about, "The", "the", 1))
		hosts = append(hosts, u.Query()["addr"]...)
	}
	if r.Mode == config.ModeCluster {
		about = "A node of a Redis Cluster, which is " + strings.Replace(about, "The", "the", 1)
		hosts = append(hosts, u.Query()["addr"]...)
	}
	var pathname *yaml.Node
	if db := strings.Trim(u.Path, "/"); db != "" {
		pathname = text("/" + db)
	}
	for _, host := range hosts {
		servers = append(servers, mapping(
			pair{"host", text(host)},
			pair{"pathname", pathname},
			pair{"protocol", text(u.Scheme)},
			pair{"description", text(about + ". Applications connect to the relay of their host.")},
			pair{"security", securityOf(u, r)},
			pair{"bindings", mapping(pair{"redis", mapping()})},
		))
	}
	return servers
}

// securityOf says that a password is needed, not which.
func securityOf(u *url.URL, r *config.Redis) *yaml.Node {
	if u.User == nil && r.PasswordFile == "" && len(r.Credentials.Command) == 0 {
		return nil
	}
	return list(mapping(pair{"type", text("userPassword")}))
}
