package order_test

// Redis in small: each command is carried out at once, one after the other.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Kinds of subscriptions. The letters begin the words for them: PSUBSCRIBE, pmessage.
const (
	channels = iota
	patterns
	shards
)

var letters = [...]string{channels: "", patterns: "p", shards: "s"}

// set is a set of names.
type set map[string]bool

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// client is a connection as Redis sees it.
type client struct {
	resp3  bool
	names  [len(letters)]set
	waits  []string // streams that an XREAD waits for, which it asked from $ on
	ended  bool
	partly bool // the client left before it could hear everything
	frames []frame
}

// subscribed says whether anything is. In RESP2 such a connection may do little.
func (c *client) subscribed() bool { return len(c.names[0])+len(c.names[1])+len(c.names[2]) > 0 }

// count is what a confirmation says. Shard channels are counted by themselves.
func (c *client) count(kind int) string {
	if kind == shards {
		return strconv.Itoa(len(c.names[shards]))
	}
	return strconv.Itoa(len(c.names[channels]) + len(c.names[patterns]))
}

func (c *client) reply(text string) { c.frames = append(c.frames, frame{text: text}) }

// replies is the number of frames that are no messages.
func (c *client) replies() (n int) {
	for _, f := range c.frames {
		if !f.message {
			n++
		}
	}
	return n
}

func (c *client) unsubscribeAll() { c.names = [len(letters)]set{{}, {}, {}} }

// model is the state of the server. With relay, it differs from Redis as the relay does on purpose: on a
// channel with history both XADD and PUBLISH add an entry and send a message. With one relay, everything
// else is the same: PUBLISH counts the relay's listeners one by one, as PUBSUB NUMSUB does.
type model struct {
	relay   bool
	clients map[string]*client
	streams map[string][]string // payloads
	runs    int
}

func newModel(relay bool) *model {
	return &model{relay: relay, clients: map[string]*client{}, streams: map[string][]string{}}
}

// client returns the connection of a name, which opens it.
func (m *model) client(who string) *client {
	if m.clients[who] == nil {
		m.clients[who] = &client{}
		m.clients[who].unsubscribeAll()
	}
	return m.clients[who]
}

// open lists the connections that have not ended, by name.
func (m *model) open() (list []string) {
	for _, who := range slices.Sorted(maps.Keys(m.clients)) {
		if !m.clients[who].ended {
			list = append(list, who)
		}
	}
	return list
}

// possible says whether a step can be written: its connection is there, and does not wait.
func (m *model) possible(who string) bool {
	c := m.clients[who]
	return c == nil || !c.ended && c.waits == nil
}

// play carries out a step that is possible.
func (m *model) play(s step) {
	for _, args := range s.group {
		m.do(m.client(s.who), args)
	}
}

const refusal = "-ERR Can't execute"

func (m *model) do(c *client, args command) {
	word := args[0]
	plain := slices.Contains([]string{"PING", "RESET", "QUIT", shut, leave}, word) || strings.HasSuffix(word, "SUBSCRIBE")
	if !plain && !c.resp3 && c.subscribed() {
		c.reply(refusal)
		return
	}
	actions[word](m, c, args[1:])
}

// actions are the commands.
var actions = map[string]func(*model, *client, []string){
	"SUBSCRIBE":    func(m *model, c *client, names []string) { m.subscribe(c, channels, names) },
	"PSUBSCRIBE":   func(m *model, c *client, names []string) { m.subscribe(c, patterns, names) },
	"SSUBSCRIBE":   func(m *model, c *client, names []string) { m.subscribe(c, shards, names) },
	"UNSUBSCRIBE":  func(m *model, c *client, names []string) { m.unsubscribe(c, channels, names) },
	"PUNSUBSCRIBE": func(m *model, c *client, names []string) { m.unsubscribe(c, patterns, names) },
	"SUNSUBSCRIBE": func(m *model, c *client, names []string) { m.unsubscribe(c, shards, names) },
	"PUBLISH":      (*model).publish,
	"SPUBLISH": func(m *model, c *client, args []string) {
		c.reply(fmt.Sprintf(":%d", m.send(shards, args[0], args[1])))
	},
	"PUBSUB": (*model).pubsub,
	"XADD":   (*model).xadd,
	"XREAD":  (*model).xread,
	"XRANGE": func(m *model, c *client, args []string) { c.reply(m.entries(args[0], 0)) },
	"XLEN": func(m *model, c *client, args []string) {
		c.reply(fmt.Sprintf(":%d", len(m.streams[args[0]])))
	},
	"PING":  func(_ *model, c *client, args []string) { c.pong(args[0]) },
	"ECHO":  func(_ *model, c *client, args []string) { c.reply(args[0]) },
	"HELLO": func(_ *model, c *client, args []string) { c.resp3 = args[0] == "3"; c.reply("hello " + args[0]) },
	"RESET": func(_ *model, c *client, _ []string) { c.end("+RESET"); c.resp3 = false },
	"QUIT":  func(_ *model, c *client, _ []string) { c.end("+OK"); c.bye() },
	shut:    func(_ *model, c *client, _ []string) { c.unsubscribeAll(); c.partly = true; c.bye() },
	leave: func(_ *model, c *client, _ []string) {
		c.pong("bye")
		c.unsubscribeAll()
		c.partly, c.ended = true, true
	},
}

func (c *client) pong(text string) {
	if c.subscribed() && !c.resp3 {
		text = "[pong " + text + "]"
	}
	c.reply(text)
}

// end answers what ends all subscriptions.
func (c *client) end(text string) {
	c.unsubscribeAll()
	c.frames = append(c.frames, frame{text: text, confirms: true})
}

// bye ends a connection of which the client sees the end.
func (c *client) bye() {
	c.frames = append(c.frames, frame{text: theEnd, confirms: true})
	c.ended = true
}

func (m *model) subscribe(c *client, kind int, names []string) {
	for _, name := range names {
		c.names[kind][name] = true
		c.frames = append(c.frames, frame{
			text: letters[kind] + "subscribe " + name, count: c.count(kind), confirms: true,
		})
	}
}

// unsubscribe without names ends all of a kind, in any order.
func (m *model) unsubscribe(c *client, kind int, names []string) {
	run := 0
	if len(names) == 0 {
		run, names = m.run(), c.names[kind].sorted()
	}
	if len(names) == 0 {
		names = []string{"(nil)"}
	}
	for _, name := range names {
		delete(c.names[kind], name)
		c.frames = append(c.frames, frame{
			text: letters[kind] + "unsubscribe " + name, count: c.count(kind), confirms: true, run: run,
		})
	}
}

// run is a number for frames whose order Redis leaves open.
func (m *model) run() int { m.runs++; return m.runs }

func (m *model) publish(c *client, args []string) {
	if m.relay && hasHistory(args[0]) {
		m.add(args[0], args[1])
	}
	c.reply(fmt.Sprintf(":%d", m.send(channels, args[0], args[1])))
}

// send hands a message to the listeners and returns their number: one for each way in which a
// connection listens. Its patterns follow in any order.
func (m *model) send(kind int, channel, payload string) (receivers int) {
	for _, who := range m.open() {
		c, run := m.clients[who], m.run()
		if c.names[kind][channel] {
			c.frames = append(c.frames, frame{text: letters[kind] + "message " + channel + " " + payload, message: true})
			receivers++
		}
		for _, pattern := range c.names[patterns].sorted() {
			if kind == channels && matches(pattern, channel) {
				text := "pmessage " + pattern + " " + channel + " " + payload
				c.frames = append(c.frames, frame{text: text, message: true, run: run})
				receivers++
			}
		}
	}
	return receivers
}

func (m *model) pubsub(c *client, args []string) {
	kind, word := channels, strings.TrimPrefix(args[0], "SHARD")
	if word != args[0] {
		kind = shards
	}
	listed := set{}
	var counts []string
	total := func(name string) (n int) {
		for _, other := range m.clients {
			if other.names[kind][name] {
				n++
			}
		}
		return n
	}
	switch word {
	case "NUMSUB":
		for _, name := range args[1:] {
			counts = append(counts, name, strconv.Itoa(total(name)))
		}
		c.reply(list(counts))
	case "CHANNELS":
		for _, other := range m.clients {
			for name := range other.names[kind] {
				listed[name] = matches(args[1], name)
			}
		}
		maps.DeleteFunc(listed, func(_ string, in bool) bool { return !in })
		c.reply(list(listed.sorted()))
	case "NUMPAT":
		for _, other := range m.clients {
			maps.Copy(listed, other.names[patterns])
		}
		c.reply(fmt.Sprintf(":%d", len(listed)))
	}
}
