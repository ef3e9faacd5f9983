package names

// Random configurations and commands.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
)

// The material of the scripts. The channels are the same for all tenants, but for those of secret.
var (
	prefixes = []string{"chat:", "chat:vip:", "news", "log:", "z"}
	renames  = []string{"acme:", "acme:chat:", "chat:", "z/", "lo", "n"}
	channels = []string{
		"chat:1", "chat:2", "chat:vip:1", "news", "newsflash", "log:1", "z", "zebra", "other", "acme:chat:1", "z/1", "lone",
		"relay:events", "relay:seq:chat:1",
	}
	patterns = []string{"*", "c*", "chat:*", "chat:?", "chat:[12v]*", "*1", "n*", "news", "?*", "[cn]*", `\chat:1`, "acme:*", "l*", "relay:*"}
	verbs    = []string{"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"}
)

// secret is what no other tenant may ever see: it is in the tenant's prefix, payloads, and some of its channels.
func secret(tenant int) string { return fmt.Sprintf("secret%d", tenant) }

// setting is what makes up a tenant's names.
type setting struct {
	prefix   string // redis.prefix; empty: none
	unrouted config.Unrouted
	routes   []config.Route
}

// plain is the setting for a Redis of the tenant's own, where channels have their own names.
func (s *setting) plain() (p setting) {
	p.unrouted = s.unrouted
	for _, r := range s.routes {
		r.Rename = ""
		p.routes = append(p.routes, r)
	}
	return p
}

func (s *setting) apply(c *config.Config) {
	c.Redis.Prefix, c.Unrouted, c.Routes = s.prefix, s.unrouted, s.routes
	c.Limits.Queue, c.HTTP.Hosts = 64*config.MiB, nil
}

// String is for a failure.
func (s *setting) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "prefix %q, unrouted %s", s.prefix, s.unrouted)
	for _, r := range s.routes {
		fmt.Fprintf(&b, "; route %q rename %q publish %v subscribe %v history %v", r.Prefix, r.Rename, r.Publish, r.Subscribe,
			r.Policy.History != nil)
	}
	return b.String()
}

// randomSetting returns a setting that the relay accepts. Without renames is for tenants that differ by prefix alone.
func randomSetting(t *testing.T, r *rand.Rand, prefix string, renamed bool) setting {
	t.Helper()
	for range 10_000 {
		s := setting{prefix: prefix, unrouted: config.UnroutedAllow}
		if r.IntN(4) == 0 {
			s.unrouted = config.UnroutedDeny
		}
		several := 0
		for _, p := range prefixes {
			if r.IntN(4) == 0 {
				continue
			}
			rt := randomRoute(r, p)
			if renamed && r.IntN(2) == 0 {
				rt.Rename = renames[r.IntN(len(renames))] + "{name}"
				several++
			}
			s.routes = append(s.routes, rt)
		}
		if renamed && r.IntN(4) > 0 {
			s.close(r.IntN(2) == 0)
		}
		if c := config.Default(); !renamed || several > 0 {
			c.Redis.URL, c.Schemas.Dir = config.EmbeddedRedis, ""
			s.apply(&c)
			if c.Validate() == nil {
				return s
			}
		}
	}
	t.Fatal("no setting is valid")
	return setting{}
}

// close lets nobody use the names that others have at Redis: just those, or all that begin with the text before them.
func (s *setting) close(more bool) {
	seen := map[string]bool{}
	for _, r := range s.routes {
		seen[r.Prefix] = true
	}
	for _, r := range s.routes {
		name := r.Before()
		if !more {
			name += r.Prefix
		}
		if r.Rename != "" && !seen[name] {
			closed := config.NewRoute(name)
			closed.Publish, closed.Subscribe = false, false
			s.routes, seen[name] = append(s.routes, closed), true
		}
	}
}

func randomRoute(r *rand.Rand, prefix string) config.Route {
	rt := config.NewRoute(prefix)
	if r.IntN(3) == 0 {
		rt.Policy.History = &config.History{Length: 1000}
		rt.Policy.OnGap = config.OnGapNotify
	}
	switch r.IntN(8) {
	case 0:
		rt.Publish = false
	case 1:
		rt.Subscribe = false
	}
	return rt
}

// steps makes random commands of one tenant.
type steps struct {
	*rand.Rand
	secret   string
	channels []string // and what Redis calls some of them
	number   int
}

// newSteps makes commands of one tenant.
func newSteps(r *rand.Rand, tenant int, of *setting) *steps {
	s := &steps{Rand: r, secret: secret(tenant), channels: slices.Clone(channels)}
	for _, rt := range of.routes {
		if rt.Rename != "" {
			s.channels = append(s.channels, rt.Prefix+"1", rt.Before()+rt.Prefix+"1")
		}
	}
	return s
}

// listens returns a command for a client that may be subscribed.
func (s *steps) listens() []string {
	word := verbs[s.IntN(len(verbs))]
	from := s.channels
	if strings.HasPrefix(word, "p") {
		from = patterns
	}
	if strings.Contains(word, "uns") && s.IntN(4) == 0 {
		return []string{word}
	}
	command := []string{word}
	for range 1 + s.IntN(2) {
		command = append(command, s.name(from))
	}
	return command
}

func (s *steps) name(from []string) string {
	if s.IntN(12) == 0 {
		return "news" + s.secret
	}
	return from[s.IntN(len(from))]
}

// asks returns a command that is answered at once.
func (s *steps) asks() []string {
	s.number++
	name, payload := s.name(s.channels), fmt.Sprintf("%s %d", s.secret, s.number)
	switch s.IntN(16) {
	case 0:
		return []string{"SPUBLISH", name, payload}
	case 1:
		return []string{"EVAL", "return redis.call('publish', KEYS[1], ARGV[1])", "1", name, payload}
	case 2:
		return []string{"XADD", name, "*", "payload", payload}
	case 3:
		return []string{"XRANGE", name, "-", "+"}
	case 4:
		return []string{"XREVRANGE", name, "+", "-", "COUNT", "3"}
	case 5:
		return []string{"XLEN", name}
	case 6:
		return []string{"XREAD", "COUNT", "4", "STREAMS", name, s.name(s.channels), "0", "0"}
	case 7:
		return []string{"XREAD", "COUNT", "2", "BLOCK", "1", "STREAMS", name, "0"}
	case 8:
		return []string{"XINFO", "STREAM", name}
	case 9:
		return [][]string{{"PUBSUB", "CHANNELS"}, {"PUBSUB", "CHANNELS", s.name(patterns)}, {"PUBSUB", "SHARDCHANNELS"}}[s.IntN(3)]
	case 10:
		return append([]string{"PUBSUB", "NUMSUB", name}, s.channels...)
	case 11:
		return []string{"PUBSUB", "NUMPAT"}
	case 12:
		return append([]string{"PUBSUB", "SHARDNUMSUB", name}, s.channels...)
	default:
		return []string{"PUBLISH", name, payload}
	}
}
