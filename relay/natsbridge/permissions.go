package natsbridge

// What NATS clients may do, as the embedded server is told.

import (
	"reflect"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// Scope is a prefix of channels and whether NATS clients may listen to them.
type Scope struct {
	Prefix string
	Open   bool
}

// permissions says to the server what clients may do. A subject begins with whole
// tokens, a prefix of channels may end within one: what the server lets pass for
// that reason is refused by the bridge, in silence.
func permissions(scopes []Scope) *server.Permissions {
	listen := []string{inboxToken + ".>", "relay.events", "relay.rejects"}
	not := []string{publishToken + ".>", historyToken + ".>", "$SYS.>"}
	for _, s := range scopes {
		subject, exact := below(s.Prefix)
		switch {
		case s.Open:
			listen = append(listen, subject)
		case exact && !slices.ContainsFunc(scopes, func(o Scope) bool {
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

// below returns the subject that all channels with a prefix match, and whether no
// others do.
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
