package config

// This file judges the routes and their policies.

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// reservedPrefix begins the channels that the relay itself makes.
const reservedPrefix = "relay:"

func (v *validator) checkRoutes() {
	first := make(map[string]int, len(v.cfg.Routes))
	for i := range v.cfg.Routes {
		r := &v.cfg.Routes[i]
		path := item(routesPath, i)
		if j, ok := first[r.Prefix]; ok {
			v.bad(join(path, "prefix"), "%q is already the prefix of %s; merge the two", r.Prefix, item(routesPath, j))
		} else {
			first[r.Prefix] = i
		}
		(&routeValidator{v.mistakes, r, path, v.cfg.Schemas.Dir}).check()
	}
	v.checkNames()
}

// routeValidator judges a route.
type routeValidator struct {
	*mistakes
	route   *Route
	path    string
	schemas string // the folder
}

func (v *routeValidator) check() {
	r, path := v.route, v.path
	switch {
	case r.Prefix == "":
		v.bad(join(path, "prefix"), "must not be empty; channels that no route covers follow unrouted")
	case strings.HasPrefix(r.Prefix, reservedPrefix):
		v.bad(join(path, "prefix"), "%q is reserved for the relay's own channels; choose another", reservedPrefix)
	}
	v.checkRename()
	v.checkSchemas()
	oneOf(v.mistakes, join(path, "invalid"), r.Invalid)
	v.checkDeadLetter()
	if r.Kind == "" && len(r.Kinds) > 0 {
		v.bad(join(path, "kind"), "must name a field, since the route has kinds")
	}
	v.checkUsers("publish", r.Publish, r.PublishUIDs)
	v.checkUsers("subscribe", r.Subscribe, r.SubscribeUIDs)
	v.checkPolicies()
	v.checkNATS()
	v.checkUpstreams()
	v.checkLast()
	v.checkSharded()
}

// checkSharded refuses what shard channels do not have.
func (v *routeValidator) checkSharded() {
	r, at := v.route, join(v.path, "sharded")
	if !r.Sharded {
		return
	}
	if r.NATS {
		v.bad(at, "does not go with nats: true; NATS clients listen by wildcards, and Redis has no patterns of shard "+
			"channels, so take one of the two out")
	}
	if len(r.AlsoSubscribe) > 0 {
		v.bad(at, "does not go with also_subscribe; take one of the two out")
	}
}

// checkNATS refuses what NATS clients could not be promised.
func (v *routeValidator) checkNATS() {
	r := v.route
	if r.NATS && r.deliversToOne() {
		v.bad(join(v.path, "nats"), "does not go with deliver: one; NATS clients share work by queue groups, "+
			"so write deliver: all or take nats out")
	}
}

// checkLast refuses what new listeners could not be given.
func (v *routeValidator) checkLast() {
	r, at := v.route, join(v.path, "last")
	switch {
	case !r.Last:
	case !r.Subscribe:
		v.bad(at, "has no effect with subscribe: false; take one of the two out")
	case r.deliversToOne():
		v.bad(at, "does not go with deliver: one; each message is one listener's work, and a new listener would get "+
			"what another has done, so write deliver: all or take last out")
	}
}

// deliversToOne reports whether some messages of the route go to one listener in turn.
func (r *Route) deliversToOne() bool {
	one := r.Policy.Deliver == DeliverOne
	for _, p := range r.Kinds {
		one = one || p.Deliver == DeliverOne
	}
	return one
}

// checkUsers judges the list of users that belongs to a permission.
func (v *routeValidator) checkUsers(permission string, open bool, uids []uint32) {
	switch list := join(v.path, permission+"_uids"); {
	case len(uids) == 0:
	case !open:
		v.bad(list, "has no effect with %s: false", permission)
	case v.route.NATS:
		v.bad(list, "cannot hold with nats: true, since NATS clients have no user id; choose one of the two")
	}
}

// maxSchemas is how many schemas one route may have. Each costs a check of messages that those before it refuse.
const maxSchemas = 4

func (v *routeValidator) checkSchemas() {
	r, at := v.route, join(v.path, "schema")
	list := r.Schemas()
	for i, name := range list {
		v.checkSchemaName(name, at)
		switch {
		case name == "":
			v.bad(at, "has an empty name in its list; take it out")
		case slices.Contains(list[:i], name):
			v.bad(at, "has %s twice; take one out", name)
		}
	}
	if r.Schema == "" && len(r.OlderSchemas) > 0 {
		v.bad(at, "has an empty name in its list; take it out")
	}
	if len(list) > maxSchemas {
		v.bad(at, "has %d schemas; at most %d are tried for a message", len(list), maxSchemas)
	}
	oneOf(v.mistakes, join(v.path, "evolve"), r.Evolve)
	if r.Schema == "" && r.Evolve != EvolveNone && len(r.OlderSchemas) == 0 {
		v.bad(join(v.path, "evolve"), "has no effect without schema; name one, or take evolve out")
	}
}

// checkSchemaName keeps a name inside the schemas folder.
func (v *routeValidator) checkSchemaName(name, path string) {
	switch {
	case name == "":
	case !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, `\:`):
		v.bad(path, "%q is not a file inside the schemas folder; write a name such as chat.json", name)
	case v.schemas == "":
		v.bad(path, "needs the schemas folder; set schemas")
	}
}

// checkPolicies names a problem that a kind has from its route only once.
func (v *routeValidator) checkPolicies() {
	r, path := v.route, v.path
	inherited := r.Policy.problems()
	for _, p := range inherited {
		v.badPolicy(path, p)
	}
	for _, name := range r.kindNames() {
		for _, p := range r.Kinds[name].problems() {
			if !slices.Contains(inherited, p) {
				v.badPolicy(join(join(path, "kinds"), name), p)
			}
		}
	}
}

// badPolicy records what is wrong with a policy of the route or kind at path.
func (v *routeValidator) badPolicy(path string, p problem) {
	at := path + p.key
	if _, written := v.in.sources[at]; p.key == lengthKey && !written {
		p.reason = "is missing; write how many messages to keep, as in " + examples[reflect.TypeFor[History]()]
	}
	v.bad(at, "%s", p.reason)
}

// lengthKey is the one key of a policy that has no default.
const lengthKey = ".history.length"

func (r *Route) kindNames() []string { return slices.Sorted(maps.Keys(r.Kinds)) }

// problem is what is wrong with one key of a policy.
type problem struct {
	key    string // with its leading dot
	reason string
}

func (p Policy) problems() []problem {
	list := []problem{
		{".slow", notOneOf(p.Slow)},
		{".on_gap", notOneOf(p.OnGap)},
		{".deliver", notOneOf(p.Deliver)},
	}
	if p.LatestBy != "" && p.Slow != SlowLatest {
		list = append(list, problem{".latest_by", "has no effect without slow: latest"})
	}
	list = append(list, p.History.problems()...)
	list = append(list, p.Rate.problems()...)
	return slices.DeleteFunc(list, func(p problem) bool { return p.reason == "" })
}

func (h *History) problems() (list []problem) {
	if h == nil {
		return nil
	}
	if h.Length <= 0 {
		list = append(list, problem{lengthKey, fmt.Sprintf("is %d; must be more than 0", h.Length)})
	}
	if h.TTL < 0 {
		list = append(list, problem{".history.ttl", fmt.Sprintf("is %v; must not be negative", h.TTL)})
	}
	return list
}

func (r Rate) problems() (list []problem) {
	for _, n := range []struct {
		key   string
		value float64
	}{{".rate.limit", r.Limit}, {".rate.burst", float64(r.Burst)}, {".rate.alert", r.Alert}} {
		if n.value < 0 || math.IsNaN(n.value) || math.IsInf(n.value, 0) {
			list = append(list, problem{n.key, fmt.Sprintf("is %v; must be 0 (none) or more", n.value)})
		}
	}
	if r.Burst > 0 && r.Limit == 0 {
		list = append(list, problem{".rate.burst", "has no effect without rate.limit"})
	}
	if r.DeadLetter != "" && r.Limit == 0 {
		list = append(list, problem{".rate.dead_letter", "has no effect without rate.limit"})
	}
	if why := badStream(r.DeadLetter); why != "" {
		list = append(list, problem{".rate.dead_letter", why})
	}
	return list
}
