package natsbridge

// The permissions of NATS clients, in the words of the embedded server.

import (
	"reflect"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// PrefixAccess says whether NATS clients may listen to the channels that begin with a prefix.
type PrefixAccess struct {
	Prefix string
	Open   bool
}

// permissions returns the permissions of clients. The server knows whole tokens only, while a prefix of channels
// may end within a token. What the server allows too much for that reason, the bridge ignores.
func permissions(access []PrefixAccess) *server.Permissions {
	listen := []string{inboxToken + ".>", "relay.events", "relay.rejects"}
	not := []string{publishToken + ".>", historyToken + ".>", "$SYS.>"}
	for _, s := range access {
		subject, exact := below(s.Prefix)
		switch {
		case s.Open:
			listen = append(listen, subject)
		case exact && !slices.ContainsFunc(access, func(o PrefixAccess) bool {
			return o.Open && strings.HasPrefix(o.Prefix, s.Prefix)
		}):
			not = append(not, subject)
		}
	}
	slices.Sort(listen)
	slices.Sort(not)
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{publishToken + ".>", historyToken + ".>", inboxToken + ".>"}},
		Subscribe: &server.SubjectPermission{Allow: slices.Compact(listen), Deny: slices.Compact(not)},
	}
}

func samePermissions(a, b *server.Permissions) bool { return reflect.DeepEqual(a, b) }

// below returns a subject that matches all channels with a prefix. exact says that it matches no others.
func below(prefix string) (subject string, exact bool) {
	whole, exact := strings.CutSuffix(prefix, ":")
	if !exact {
		last := strings.LastIndexByte(prefix, ':')
		if last < 0 {
			return ">", false
		}
		whole = prefix[:last]
	}
	subject, err := Subject([]byte(whole))
	if err != nil {
		return ">", false
	}
	return subject + ".>", exact
}
