package account

// What the account is kept of: channels of every policy, and who listens to them.

import (
	"fmt"
	"strings"
)

// channel is one of those that publishers write to.
type channel struct {
	name    string
	shard   bool // published by SPUBLISH
	history bool
	size    int // bytes of padding, at most
}

func (c channel) prefix() string { return c.name[:strings.IndexByte(c.name, ':')+1] }

const (
	small = 400
	bulky = 6 << 10
)

// channels of each route. d: disconnects, n: notifies, s: drops, t: drops and
// notifies, l: keeps the latest, o: is delivered to one, q: to one or nobody, r: has a rate, h: history,
// j: a schema, k: one that only the library can check, x: comes and goes with reloads.
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
	{name: "h:1", size: small, history: true},
	{name: "h:2", size: small, history: true},
	{name: "h:3", size: small, history: true},
	{name: "j:1", size: small},
	{name: "k:1", size: small},
	{name: "x:1", size: small},
	{name: "x:2", size: small},
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
	librarySchemaText = `{"type": "object", "required": ["p"], "properties": {"p": {"type": "integer"}},` +
		` "patternProperties": {"^(p|c)$": {"not": {"type": "null"}}}, "unevaluatedProperties": {"type": ["string", "integer"]}}`
)

// xRoutes are the forms that the route x: takes by reloads.
var xRoutes = []string{
	`  - {prefix: "x:", on_gap: notify}`,
	``,
	`  - {prefix: "x:", subscribe: false}`,
	`  - {prefix: "x:", publish: false, on_gap: notify}`,
	`  - {prefix: "x:", on_gap: perhaps}`, // refused: all stays as it was
}

// config is relay.yaml with one of xRoutes.
func config(redis, socket, x string) string {
	return fmt.Sprintf(`redis: {url: %q, probe_interval: 1s}
socket: {path: %q}
http: {listen: "127.0.0.1:0"}
log: {level: debug}
limits: {queue: 256KiB}
schemas: schemas
routes:
  - {prefix: "d:"}
  - {prefix: "n:", on_gap: notify}
  - {prefix: "s:", slow: drop}
  - {prefix: "t:", slow: drop, on_gap: notify}
  - {prefix: "l:", slow: latest, latest_by: p}
  - {prefix: "o:", deliver: one}
  - {prefix: "q:", deliver: one, slow: drop}
  - {prefix: "r:", rate: {limit: 50}}
  - {prefix: "h:", history: {length: 10000000}}
  - {prefix: "j:", schema: j.json}
  - {prefix: "k:", schema: k.json, on_gap: notify}
%s
`, redis, socket, x)
}

// part is a listener, or several that share messages.
type part struct {
	class   string
	command string
	names   []string // what it subscribes to
	protos  []int    // of each listener
	account Account  // what they agreed to
}

// parts listen at each relay; at every other one they speak the other protocol.
var parts = []part{
	{class: "exact", command: "SUBSCRIBE", names: []string{"d:1", "d:2", "d:3"}, protos: []int{2}},
	{class: "exact", command: "SUBSCRIBE", names: []string{"d:2", "d:3", "d:4"}, protos: []int{3}},
	{class: "pattern", command: "PSUBSCRIBE", names: []string{"d:*"}, protos: []int{2}},
	{class: "shard", command: "SSUBSCRIBE", names: []string{"d:s"}, protos: []int{3}},
	{class: "notify", command: "SUBSCRIBE", names: []string{"n:1", "n:2"}, protos: []int{2}, account: Account{Notified: true}},
	{class: "notify", command: "SUBSCRIBE", names: []string{"n:2", "n:3"}, protos: []int{3}, account: Account{Notified: true}},
	{class: "notify pattern", command: "PSUBSCRIBE", names: []string{"n:*"}, protos: []int{3}, account: Account{Notified: true}},
	{class: "notify shard", command: "SSUBSCRIBE", names: []string{"n:s"}, protos: []int{2}, account: Account{Notified: true}},
	{class: "drop", command: "SUBSCRIBE", names: []string{"s:1", "s:2"}, protos: []int{2}, account: Account{Drops: true}},
	{class: "drop", command: "PSUBSCRIBE", names: []string{"s:*"}, protos: []int{3}, account: Account{Drops: true}},
	{class: "drop notify", command: "SUBSCRIBE", names: []string{"t:1", "t:2"}, protos: []int{3}, account: Account{Drops: true, Notified: true}},
	{class: "latest", command: "SUBSCRIBE", names: []string{"l:1", "l:2"}, protos: []int{2}, account: Account{Drops: true}},
	{class: "one", command: "SUBSCRIBE", names: []string{"o:1", "o:2"}, protos: []int{2, 3}},
	{class: "one drop", command: "SUBSCRIBE", names: []string{"q:1"}, protos: []int{2, 3}, account: Account{Drops: true}},
	{class: "rate", command: "SUBSCRIBE", names: []string{"r:1"}, protos: []int{2}, account: Account{Rated: true}},
	{class: "history", command: "SUBSCRIBE", names: []string{"h:1", "h:2", "h:3"}, protos: []int{2}, account: Account{Notified: true}},
	{class: "history pattern", command: "PSUBSCRIBE", names: []string{"h:*"}, protos: []int{3}, account: Account{Notified: true}},
	{class: "reader", command: "XREAD", names: []string{"h:1", "h:2"}, protos: []int{2}},
	{class: "schema", command: "SUBSCRIBE", names: []string{"j:1", "k:1"}, protos: []int{2}, account: Account{Notified: true}},
	{class: "reloaded", command: "SUBSCRIBE", names: []string{"x:1", "x:2"}, protos: []int{3}, account: Account{Notified: true}},
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
