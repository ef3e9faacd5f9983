package asyncapi

// The servers of a document.

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/config"
)

// serversOf describes the Redis of a configuration without its credentials. A Redis inside the relay, and one behind a
// Unix socket, has no address that others could use.
func serversOf(r *config.Redis) *yaml.Node {
	servers := mapping()
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || r.IsEmbedded() {
		return servers
	}
	about := "The Redis behind the relays. Applications connect to the relay of their host."
	hosts := []string{u.Host}
	if r.Mode == config.ModeSentinel {
		about = fmt.Sprintf("A sentinel of the master %q, which is the Redis behind the relays. "+
			"Applications connect to the relay of their host.", u.Query().Get("master_name"))
		hosts = append(hosts, u.Query()["addr"]...)
	}
	var pathname *yaml.Node
	if db := strings.Trim(u.Path, "/"); db != "" {
		pathname = text("/" + db)
	}
	names := taken{}
	for _, host := range hosts {
		set(servers, names.free("redis"), mapping(
			pair{"host", text(host)},
			pair{"pathname", pathname},
			pair{"protocol", text(u.Scheme)},
			pair{"description", text(about)},
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
