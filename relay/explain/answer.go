package explain

// The answer about one channel.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/names"
	"redis-relay/relay/needs"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
)

// Question is what is asked about.
type Question struct {
	Channel string
	Payload []byte  // nil: none is given
	UID     *uint32 // of the user who publishes and listens; nil: one who may
}

// Answer says what the relay does with a channel, and with a payload if one was given.
type Answer struct {
	Channel     string       `json:"channel"`
	Route       Route        `json:"route"`
	NameAtRedis string       `json:"name_at_redis"`
	Upstream    *Upstream    `json:"upstream,omitempty"` // nil: there is only one
	Schema      *Schema      `json:"schema,omitempty"`   // nil: any bytes pass
	KindField   string       `json:"kind_field,omitempty"`
	Policies    []KindPolicy `json:"policies"`       // that of the payload's kind alone, if a payload was given
	Last        string       `json:"last,omitempty"` // where the message is that new listeners get first; empty: none
	DeadLetters []DeadLetter `json:"dead_letters,omitempty"`
	NATS        NATS         `json:"nats"`
	Publish     Access       `json:"publish"`
	Subscribe   Access       `json:"subscribe"`
	RedisRights []string     `json:"redis_rights,omitempty"` // rules that an ACL of Redis needs for the route
	Payload     *PayloadFate `json:"payload,omitempty"`

	route  *route.Route
	policy *route.Policy // of the payload

	prefix        string // of all names at Redis
	streamAtRedis string // the key of its history
	own           bool   // the channel is one of the relay's own
}

// Route is the route that decides.
type Route struct {
	Name   string   `json:"name"` // the prefix, or "unrouted"
	Why    string   `json:"why"`
	Others []string `json:"also_match"` // shorter prefixes that would decide without it, the longest first
}

// Upstream is the Redis where the channel is.
type Upstream struct {
	Name    string  `json:"name"`
	Address string  `json:"address"` // without a password
	Also    []Other `json:"also_subscribed,omitempty"`
	Mirror  *Other  `json:"mirror,omitempty"` // where a share of what is published goes, too
	Percent float64 `json:"mirror_percent,omitempty"`
}

// Other is another Redis that the route uses, too.
type Other struct {
	Name        string `json:"name"`
	NameAtRedis string `json:"name_at_redis"`
}

// Schema is what payloads are checked against.
type Schema struct {
	Name     string `json:"name"`     // of several, all, in the order in which they are tried, with commas between
	Compiled bool   `json:"compiled"` // of several: all are
	Because  string `json:"not_compiled_because,omitempty"`
	Invalid  string `json:"invalid"` // reject or log
}

// KindPolicy is the policy of a kind of message.
type KindPolicy struct {
	Kind    string `json:"kind"` // "any" and "any other": those that have no policy of their own
	Slow    string `json:"slow"`
	OnGap   string `json:"on_gap"`
	Deliver string `json:"deliver"`
	History string `json:"history"`
	Rate    string `json:"rate"`
	Alert   string `json:"alert"`
}

// DeadLetter says where messages are kept that are refused for a reason.
type DeadLetter struct {
	Refused string `json:"refused"` // the key of the route that says so, such as invalid or kinds.typing.rate
	Stream  string `json:"stream"`  // its key at Redis
}

// NATS says what NATS clients may do, whose users are not known.
type NATS struct {
	Publish        bool   `json:"publish"`
	PublishError   string `json:"publish_error,omitempty"` // why not
	Subscribe      bool   `json:"subscribe"`
	SubscribeError string `json:"subscribe_error,omitempty"`
}

// Access says who may do something.
type Access struct {
	Users string `json:"users"`           // everybody, nobody, or "uid 1000,1001"
	User  string `json:"user"`            // about whom the rest is; any: it makes no difference
	May   bool   `json:"may"`             // this user
	Error string `json:"error,omitempty"` // that the user gets
}

// New answers a question by rules, which were built from cfg and are used for this question alone: a payload counts for
// the rate of its channel.
func New(cfg *config.Config, rules *policy.Rules, q *Question) *Answer {
	rt := rules.Route([]byte(q.Channel))
	prefix := cfg.Upstream(rt.Upstream.Name).Prefix
	m := names.New(prefix, rt.Upstream.Index, rules)
	a := &Answer{
		Channel: q.Channel, NameAtRedis: m.Of("", q.Channel), route: rt, policy: &rt.Policy,
		Route: Route{Name: rt.Name, Why: whyRoute(rules, rt, q.Channel), Others: shorter(rules, rt, q.Channel)},
		NATS:  natsOf(rules, []byte(q.Channel)), KindField: kindField(cfg, rt), Schema: schemaOf(rules, rt),
		Last: lastWords(rt), own: route.IsReserved([]byte(q.Channel)), prefix: m.Prefix(),
	}
	for _, d := range policy.DeadLettersOf(rt) {
		a.DeadLetters = append(a.DeadLetters, DeadLetter{d.Refused, a.prefix + d.Stream})
	}
	if len(cfg.Upstreams) > 0 {
		a.Upstream = upstreamOf(cfg, rules, rt, q.Channel)
	}
	if !a.own {
		a.streamAtRedis = m.Of("history:{", q.Channel) + "}"
		a.RedisRights = needs.Rules(needs.Demands(&needs.Config{
			Prefix: prefix, Routes: []needs.Route{Needs(rt)},
		}))
	}
	a.access(rules, q, int64(cfg.Limits.Name))
	if q.Payload == nil {
		a.Policies = policiesOf(rt)
		return a
	}
	a.judge(rules, q)
	return a
}

// upstreamOf says where a channel of a route is.
func upstreamOf(cfg *config.Config, rules *policy.Rules, rt *route.Route, channel string) *Upstream {
	u := &Upstream{Name: rt.Upstream.Name, Address: cfg.Upstream(rt.Upstream.Name).Redacted()}
	for i, name := range cfg.UpstreamNames() {
		other := Other{name, names.New(cfg.Upstream(name).Prefix, i, rules).Of("", channel)}
		if name != u.Name && rt.Upstream.Hears(i) {
			u.Also = append(u.Also, other)
		}
		if rt.Mirror != nil && rt.Mirror.Index == i {
			u.Mirror, u.Percent = &other, rt.Mirror.Percent
		}
	}
	return u
}

// Needs is what a route asks of Redis.
func Needs(rt *route.Route) needs.Route {
	return needs.Route{
		Prefix: rt.Prefix, Before: rt.Before, Publish: rt.Publish, Subscribe: rt.Subscribe, History: rt.HasHistory(),
		Sharded:     rt.Sharded,
		DeadLetters: policy.DeadStreams(rt),
	}
}

// Accepted reports whether the payload is published or, if none was given, whether the user may publish.
func (a *Answer) Accepted() bool {
	if a.Payload != nil {
		return a.Payload.Accepted
	}
	return a.Publish.May
}

// natsOf says what NATS clients may do.
func natsOf(rules *policy.Rules, channel []byte) (n NATS) {
	refusal := rules.MayPublishByNATS(channel)
	if refusal == nil {
		refusal = rules.MayPublish(policy.User{}, channel)
	}
	if n.Publish = refusal == nil; refusal != nil {
		n.PublishError = onWire(refusal)
	}
	err := rules.MaySubscribeByNATS(resp.Message, channel)
	if n.Subscribe = err == nil; err != nil {
		n.SubscribeError = onWire(err)
	}
	return n
}

// onWire returns an error as clients read it: in one line.
func onWire(err error) string {
	return strings.TrimSuffix(string(resp.AppendError(nil, err.Error())[1:]), "\r\n")
}

func whyRoute(rules *policy.Rules, rt *route.Route, channel string) string {
	switch {
	case route.IsReserved([]byte(channel)):
		return "the channel is one of the relay's own, which no route covers"
	case rt.Prefix == "" && rt.Name != "":
		return "the channel begins with no prefix of a route"
	case len(shorter(rules, rt, channel)) > 0:
		return "it has the longest prefix that the channel begins with"
	}
	return "it has the only prefix that the channel begins with"
}

// shorter lists the other prefixes that the channel begins with, the longest first.
func shorter(rules *policy.Rules, rt *route.Route, channel string) []string {
	list := []string{}
	for _, other := range rules.Routes() {
		if other != rt && other.Prefix != "" && strings.HasPrefix(channel, other.Prefix) {
			list = append(list, other.Prefix)
		}
	}
	return list
}

// kindField names the field that tells the kind of a message; empty: the kind makes no difference.
func kindField(cfg *config.Config, rt *route.Route) string {
	for i := range cfg.Routes {
		if r := &cfg.Routes[i]; r.Prefix == rt.Prefix && rt.Checker != nil && rt.Name == rt.Prefix {
			return r.Kind
		}
	}
	return ""
}

// schemaOf tells of all schemas of a route; nil: it has none.
func schemaOf(rules *policy.Rules, rt *route.Route) *Schema {
	if len(rt.Schemas) == 0 {
		return nil
	}
	s := &Schema{Name: rt.SchemaName, Invalid: string(config.InvalidReject)}
	if rt.LogInvalid {
		s.Invalid = string(config.InvalidLog)
	}
	for _, used := range rules.UsedSchemas() {
		if slices.Contains(rt.Schemas, used.Name) {
			s.Because = cmp.Or(s.Because, used.Fallback)
		}
	}
	s.Compiled = s.Because == ""
	return s
}

// access says who may publish and listen.
func (a *Answer) access(rules *policy.Rules, q *Question, longest int64) {
	channel := []byte(q.Channel)
	publisher, listener := userOf(q, a.route.Publishers), userOf(q, a.route.Listeners)
	a.Publish = Access{Users: usersOf(a.route.Publish, a.route.Publishers), User: nameOf(publisher), May: true}
	if refusal := rules.MayPublish(publisher, channel); refusal != nil {
		a.Publish.May, a.Publish.Error = false, onWire(refusal)
	}
	a.Subscribe = Access{Users: usersOf(a.route.Subscribe, a.route.Listeners), User: nameOf(listener), May: true}
	err := rules.MaySubscribe(listener, resp.Message, channel)
	if rules.IsLong(channel) {
		err = errors.New(respserver.LongName(channel, "name", "limits.name", longest))
	}
	if err != nil {
		a.Subscribe.May, a.Subscribe.Error = false, onWire(err)
	}
	if a.own {
		a.Publish.Users = usersOf(false, nil)
		if !policy.IsLocal(q.Channel) {
			a.Subscribe.Users = usersOf(false, nil)
		}
	}
}

// userOf is the user that is asked about, or else one who may, if anybody may.
func userOf(q *Question, may route.Users) policy.User {
	switch {
	case q.UID != nil:
		return policy.User{Known: true, UID: *q.UID}
	case len(may) > 0:
		return policy.User{Known: true, UID: may[0]}
	}
	return policy.User{}
}

func nameOf(u policy.User) string {
	if u.Known {
		return fmt.Sprintf("uid %d", u.UID)
	}
	return "any"
}

func usersOf(open bool, list route.Users) string {
	switch words := policy.MayWords(open, list); words {
	case "yes":
		return "everybody"
	case "no":
		return "nobody"
	default:
		return words
	}
}
