package account

// What the account is kept of: channels of every policy, and who listens to them.

import (
	"fmt"
	"slices"
	"strings"
)

// channel is one of those that publishers write to.
type channel struct {
	name    string
	shard   bool  // published by SPUBLISH
	history Kinds // which are kept
	size    int   // bytes of padding, at most
}

func (c channel) prefix() string { return c.name[:strings.IndexByte(c.name, ':')+1] }

// onNATS tells whether NATS clients may use a channel.
func (c channel) onNATS() bool { return !c.shard && strings.Contains("d: n: h: k: m: x:", c.prefix()) }

// isKept tells whether a message is in a stream.
func isKept(id ID) bool { return channels[id.Channel].history.Has(id.Kind()) }

const (
	small = 400
	bulky = 6 << 10
)

// channels of each route. d: disconnects, n: notifies, s: drops, t: drops and
// notifies, l: keeps the latest, o: is delivered to one, q: to one or nobody, r: has a rate, h: history,
// j: a schema, k: one that only the library can check, x: comes and goes with reloads. m, v and w have a
// policy for each kind: m as a chat has, of v one kind disconnects, w never does.
var channels = []channel{
	{name: "d:1", size: bulky},
	{name: "d:2", size: small},
	{name: "d:3", size: small},
	{name: "d:4", size: small},
	{name: "d:s", size: small, shard: true},
	{name: "n:1", size: bulky},
	{name: "n:2", size: small},
	{name: "n:3", size: small},
	{name: "n:s", size: small, shard: true},
	{name: "s:1", size: bulky},
	{name: "s:2", size: bulky},
	{name: "t:1", size: bulky},
	{name: "t:2", size: small},
	{name: "l:1", size: bulky},
	{name: "l:2", size: small},
	{name: "o:1", size: small},
	{name: "o:2", size: small},
	{name: "q:1", size: bulky},
	{name: "r:1", size: small},
	{name: "h:1", size: small, history: AllKinds},
	{name: "h:2", size: small, history: AllKinds},
	{name: "h:3", size: small, history: AllKinds},
	{name: "j:1", size: small},
	{name: "k:1", size: small},
	{name: "x:1", size: small},
	{name: "x:2", size: small},
	{name: "m:1", size: bulky, history: Of(KindMessage)},
	{name: "m:2", size: small, history: Of(KindMessage)},
	{name: "v:1", size: small},
	{name: "w:1", size: bulky, history: Of(KindMessage)},
	{name: "w:2", size: bulky, history: Of(KindMessage)},
}

// indexOf finds a channel by the name under which a message came; it may be both a
// shard channel and another.
var indexOf = func() map[string]int {
	m := map[string]int{}
	for i, c := range channels {
		m[c.name] = i
	}
	return m
}()

// invalidPayload begins a message that the schema of j: and k: refuses.
const invalidPayload = `{"p":null,`

const (
	schemaText = `{"type": "object", "required": ["p", "c", "n", "t", "pad"], "properties": {` +
		`"p": {"type": "integer"}, "pad": {"type": "string"}}}`
	// librarySchemaText says the same in a way that is not compiled.
	librarySchemaText = `{"type": "object", "required": ["p"], "properties": {"p": {"type": "integer"}, "x": {"unevaluatedItems": false, "anyOf": [` +
		`{"contains": {"const": 0}}, {"contains": {"const": 1}}, {"contains": {"const": 2}}, {"contains": {"const": 3}}, {"contains": {"const": 4}}]}},` +
		` "patternProperties": {"^(p|c)$": {"not": {"type": "null"}}}, "unevaluatedProperties": {"type": ["string", "integer"]}}`
)

// xRoutes are the forms that the route x: takes by reloads.
var xRoutes = []string{
	`  - {prefix: "x:", on_gap: notify, nats: true}`,
	``,
	`  - {prefix: "x:", subscribe: false, nats: true}`,
	`  - {prefix: "x:", publish: false, on_gap: notify, nats: true}`,
	`  - {prefix: "x:", on_gap: perhaps}`, // refused: all stays as it was
}

// config is relay.yaml with one of xRoutes.
func config(redis, socket, x string) string {
	return fmt.Sprintf(`redis: {url: %q, probe_interval: 1s}
socket: {path: %q}
nats: {listen: "127.0.0.1:0"}
http: {listen: "127.0.0.1:0"}
log: {level: debug}
limits: {queue: 256KiB, payload: 64KiB}
schemas: schemas
routes:
  - {prefix: "d:", nats: true}
  - {prefix: "n:", on_gap: notify, nats: true}
  - {prefix: "s:", slow: drop}
  - {prefix: "t:", slow: drop, on_gap: notify}
  - {prefix: "l:", slow: latest, latest_by: p}
  - {prefix: "o:", deliver: one}
  - {prefix: "q:", deliver: one, slow: drop}
  - {prefix: "r:", rate: {limit: 50}}
  - {prefix: "h:", history: {length: 10000000}, nats: true}
  - {prefix: "j:", schema: j.json}
  - {prefix: "probe:", nats: true}
  - {prefix: "k:", schema: k.json, on_gap: notify, nats: true}
  - prefix: "m:"
    schema: j.json
    nats: true
    kinds:
      message: {history: {length: 10000000}}
      typing: {slow: drop}
      cursor: {slow: latest, latest_by: p}
  - prefix: "v:"
    on_gap: notify
    kinds:
      message: {on_gap: disconnect}
      burst: {rate: {limit: 10}}
      turn: {deliver: one}
  - prefix: "w:"
    schema: k.json
    slow: drop
    kinds:
      message: {history: {length: 10000000}}
      cursor: {slow: latest, latest_by: p}
      burst: {slow: latest}
      turn: {deliver: one}
%s
`, redis, socket, x)
}

// part is a listener, or several that share messages.
type part struct {
	class   string
	command string
	names   []string    // what it subscribes to
	protos  []int       // of each listener
	agreed  []Agreement // none: to miss nothing, and to be told by a disconnect
}

// The doors and commands that are not RESP's SUBSCRIBE and its like.
const (
	reading = "XREAD" // XREAD BLOCK, without end
	onNATS  = "SUB"   // of NATS; several listeners are a queue group
)

// agreements of a part, at least one.
func (p *part) agreements() []Agreement {
	if len(p.agreed) == 0 {
		return []Agreement{{}}
	}
	return p.agreed
}

// isNotified tells whether the listeners are to hear of gaps.
func (p *part) isNotified() bool {
	return slices.ContainsFunc(p.agreed, func(a Agreement) bool { return a.Notified })
}

// maySlack tells whether the listeners may miss whatever comes while they are slow.
func (p *part) maySlack() bool {
	return len(p.agreed) > 0 && !slices.ContainsFunc(p.agreed, func(a Agreement) bool { return !a.Drops })
}

// ratedRoutes are those of which some messages are over a rate.
var ratedRoutes = []string{"r:", "v:"}

var (
	notified = []Agreement{{Notified: true}}
	drops    = []Agreement{{Drops: true}}
	shared   = []Agreement{{Shared: true}}
)

// ofChat, ofOne and ofDrops are what the routes m:, v: and w: say. NATS has one way to
// be slow, and so all of m: is alike.
var (
	ofChat = []Agreement{
		{Kinds: Of(KindMessage), Notified: true},
		{Kinds: Of(KindTyping, KindCursor), Notified: true, Drops: true},
		{Kinds: Of(KindBurst, KindTurn), Notified: true},
	}
	ofOne = []Agreement{
		{Kinds: Of(KindMessage, KindTyping, KindCursor)},
		{Kinds: Of(KindBurst), Rated: true},
		{Kinds: Of(KindTurn), Shared: true},
	}
	ofDrops = []Agreement{
		{Kinds: Of(KindMessage), Notified: true, Drops: true},
		{Kinds: Of(KindTyping), Notified: true, Drops: true},
		{Kinds: Of(KindCursor, KindBurst), Notified: true, Drops: true},
		{Kinds: Of(KindTurn), Notified: true, Drops: true, Shared: true},
	}
)

// withoutShards makes channels and parts ordinary ones, for a Redis that is older than shard channels.
func withoutShards() {
	for i := range channels {
		channels[i].shard = false
	}
	for i := range parts {
		if parts[i].command == "SSUBSCRIBE" {
			parts[i].command = "SUBSCRIBE"
		}
	}
}

// parts listen at each relay; at every other one they speak the other protocol.
var parts = []part{
	{class: "exact", command: "SUBSCRIBE", names: []string{"d:1", "d:2", "d:3"}, protos: []int{2}},
	{class: "exact", command: "SUBSCRIBE", names: []string{"d:2", "d:3", "d:4"}, protos: []int{3}},
	{class: "pattern", command: "PSUBSCRIBE", names: []string{"d:*"}, protos: []int{2}},
	{class: "shard", command: "SSUBSCRIBE", names: []string{"d:s"}, protos: []int{3}},
	{class: "notify", command: "SUBSCRIBE", names: []string{"n:1", "n:2"}, protos: []int{2}, agreed: notified},
	{class: "notify", command: "SUBSCRIBE", names: []string{"n:2", "n:3"}, protos: []int{3}, agreed: notified},
	{class: "notify pattern", command: "PSUBSCRIBE", names: []string{"n:*"}, protos: []int{3}, agreed: notified},
	{class: "notify shard", command: "SSUBSCRIBE", names: []string{"n:s"}, protos: []int{2}, agreed: notified},
	{class: "drop", command: "SUBSCRIBE", names: []string{"s:1", "s:2"}, protos: []int{2}, agreed: drops},
	{class: "drop", command: "PSUBSCRIBE", names: []string{"s:*"}, protos: []int{3}, agreed: drops},
	{class: "drop notify", command: "SUBSCRIBE", names: []string{"t:1", "t:2"}, protos: []int{3}, agreed: []Agreement{{Drops: true, Notified: true}}},
	{class: "latest", command: "SUBSCRIBE", names: []string{"l:1", "l:2"}, protos: []int{2}, agreed: drops},
	{class: "one", command: "SUBSCRIBE", names: []string{"o:1", "o:2"}, protos: []int{2, 3}, agreed: shared},
	{class: "one drop", command: "SUBSCRIBE", names: []string{"q:1"}, protos: []int{2, 3}, agreed: []Agreement{{Drops: true, Shared: true}}},
	{class: "rate", command: "SUBSCRIBE", names: []string{"r:1"}, protos: []int{2}, agreed: []Agreement{{Rated: true}}},
	{class: "history", command: "SUBSCRIBE", names: []string{"h:1", "h:2", "h:3"}, protos: []int{2}, agreed: notified},
	{class: "history pattern", command: "PSUBSCRIBE", names: []string{"h:*"}, protos: []int{3}, agreed: notified},
	{class: "reader", command: reading, names: []string{"h:1", "h:2"}, protos: []int{2}},
	{class: "schema", command: "SUBSCRIBE", names: []string{"j:1", "k:1"}, protos: []int{2}, agreed: notified},
	{class: "reloaded", command: "SUBSCRIBE", names: []string{"x:1", "x:2"}, protos: []int{3}, agreed: notified},

	{class: "chat", command: "SUBSCRIBE", names: []string{"m:1", "m:2"}, protos: []int{2}, agreed: ofChat},
	{class: "chat", command: "PSUBSCRIBE", names: []string{"m:*"}, protos: []int{3}, agreed: ofChat},
	{class: "chat", command: reading, names: []string{"m:1", "m:2"}, protos: []int{3}, agreed: []Agreement{{Kinds: Of(KindMessage)}}},
	{class: "one of a kind", command: "SUBSCRIBE", names: []string{"v:1"}, protos: []int{2, 3}, agreed: ofOne},
	{class: "one of a kind", command: "PSUBSCRIBE", names: []string{"v:*"}, protos: []int{2}, agreed: ofOne},
	{class: "dropped by kind", command: "SUBSCRIBE", names: []string{"w:1", "w:2"}, protos: []int{2, 3}, agreed: ofDrops},
	{class: "dropped by kind", command: "PSUBSCRIBE", names: []string{"w:*"}, protos: []int{2}, agreed: ofDrops},

	{class: "nats", command: onNATS, names: []string{"d:1", "d:2"}, protos: []int{0}},
	{class: "nats", command: onNATS, names: []string{"d:*"}, protos: []int{0}},
	{class: "nats group", command: onNATS, names: []string{"d:3", "d:4"}, protos: []int{0, 0}, agreed: shared},
	{class: "nats notify", command: onNATS, names: []string{"n:1", "n:3", "k:1"}, protos: []int{0}, agreed: notified},
	{class: "nats notify", command: onNATS, names: []string{"n:*"}, protos: []int{0}, agreed: notified},
	{class: "nats notify group", command: onNATS, names: []string{"n:2", "n:3"}, protos: []int{0, 0}, agreed: []Agreement{{Notified: true, Shared: true}}},
	{class: "nats history", command: onNATS, names: []string{"h:1", "h:2"}, protos: []int{0}, agreed: notified},
	{class: "nats history", command: onNATS, names: []string{"h:*"}, protos: []int{0}, agreed: notified},
	{class: "nats chat", command: onNATS, names: []string{"m:*"}, protos: []int{0}, agreed: notified},
	{class: "nats reloaded", command: onNATS, names: []string{"x:1", "x:2"}, protos: []int{0}, agreed: notified},
}

// covers lists the channels that a name catches.
func covers(command, name string) (list []int) {
	for i, c := range channels {
		prefix, isPattern := strings.CutSuffix(name, "*")
		match := c.name == name || isPattern && strings.HasPrefix(c.name, prefix)
		if match && c.shard == (command == "SSUBSCRIBE") {
			list = append(list, i)
		}
	}
	return list
}
