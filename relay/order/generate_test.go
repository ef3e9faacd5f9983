package order_test

// Random scripts.

import (
	"fmt"
	"math/rand/v2"
)

// vocabulary is what the scripts of a test are made of.
type vocabulary struct {
	name           string
	history, reads bool
}

var vocabularies = []vocabulary{
	{name: "subscriptions and publishes"},
	{name: "with history, XADD and XREAD from $", history: true},
	{name: "with reads of history", history: true, reads: true},
}

// generator makes scripts whose steps are possible, because it plays them on a model.
type generator struct {
	*rand.Rand
	vocabulary
	shards bool
	model  *model

	names    []string // of the connections now in use
	born     int
	payloads int
}

// generate makes the script of a seed.
func generate(seed uint64, v vocabulary, relay, shards bool) script {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), vocabulary: v, shards: shards, model: newModel(relay)}
	for range 2 + g.IntN(5) {
		g.names = append(g.names, g.name())
	}
	var s script
	for size := 5 + g.IntN(36); s.commands() < size; {
		i := g.IntN(len(g.names))
		if who := g.names[i]; g.model.possible(who) {
			st := g.step(who)
			g.model.play(st)
			s = append(s, st)
			if g.model.clients[who].ended {
				g.names[i] = g.name()
			}
		} else if len(g.names) < 10 && g.model.waiting() == len(g.names) {
			g.names = append(g.names, g.name()) // all others wait in XREAD
		}
	}
	return s
}

// waiting is the number of connections that wait in XREAD.
func (m *model) waiting() (n int) {
	for _, c := range m.clients {
		if c.waits != nil {
			n++
		}
	}
	return n
}

func (g *generator) name() string { g.born++; return fmt.Sprintf("c%d", g.born) }

// step makes one command, or up to four that leave in one write.
func (g *generator) step(who string) step {
	if g.IntN(40) == 0 {
		return step{who, []command{{g.one([]string{shut, shut, leave})}}}
	}
	size := 1
	if g.IntN(5) < 2 {
		size += 1 + g.IntN(3)
	}
	st, free := step{who: who}, true
	if c := g.model.clients[who]; c != nil {
		free = c.resp3 || !c.subscribed()
	} else if g.IntN(2) == 0 { // half of all connections, as those may publish while they listen
		st.group = []command{{"HELLO", "3"}}
	}
	for len(st.group) < size {
		c := g.command(free)
		st.group = append(st.group, c)
		if c[0] == "QUIT" || c[0] == "XREAD" {
			break // ends, or waits
		}
	}
	return st
}

// command makes a command. One that is not free, as it listens in RESP2, seldom gets what it may not send.
func (g *generator) command(free bool) command {
	list := listening
	if free || g.IntN(10) == 0 {
		list = append(list[:len(list):len(list)], talking...)
		if g.history {
			list = append(list, keeping...)
		}
		if g.reads {
			list = append(list, reading...)
		}
	}
	total := 0
	for _, choice := range list {
		total += choice.weight
	}
	n := g.IntN(total)
	for _, choice := range list {
		if n -= choice.weight; n < 0 {
			return choice.make(g)
		}
	}
	panic("unreachable")
}

// choice is one way to make a command.
type choice struct {
	weight int
	make   func(*generator) command
}

var listening = []choice{
	{8, func(g *generator) command { return append(command{"SUBSCRIBE"}, g.some(g.all())...) }},
	{5, func(g *generator) command { return append(command{"UNSUBSCRIBE"}, g.some(g.all())...) }},
	{1, func(*generator) command { return command{"UNSUBSCRIBE"} }},
	{3, func(g *generator) command { return append(command{"PSUBSCRIBE"}, g.some(patternNames)...) }},
	{2, func(g *generator) command { return append(command{"PUNSUBSCRIBE"}, g.some(patternNames)...) }},
	{1, func(*generator) command { return command{"PUNSUBSCRIBE"} }},
	{2, func(g *generator) command { return g.shard("SSUBSCRIBE", g.some(plainNames)) }},
	{1, func(g *generator) command { return g.shard("SUNSUBSCRIBE", g.some(plainNames)) }},
	{1, func(g *generator) command { return g.shard("SUNSUBSCRIBE", nil) }},
	{2, func(g *generator) command { return command{"PING", g.payload()} }},
	{1, func(*generator) command { return command{"RESET"} }},
	{1, func(*generator) command { return command{"QUIT"} }},
}

var talking = []choice{
	{30, func(g *generator) command { return command{"PUBLISH", g.one(g.all()), g.payload()} }},
	{6, func(g *generator) command { return g.shard("SPUBLISH", []string{g.one(plainNames), g.payload()}) }},
	{2, func(g *generator) command { return append(command{"PUBSUB", "NUMSUB"}, g.some(g.all())...) }},
	{2, func(*generator) command { return command{"PUBSUB", "CHANNELS", "plain:*"} }},
	{2, func(*generator) command { return command{"PUBSUB", "NUMPAT"} }},
	{1, func(g *generator) command { return g.shard("PUBSUB", append([]string{"SHARDNUMSUB"}, plainNames...)) }},
	{1, func(g *generator) command { return g.shard("PUBSUB", []string{"SHARDCHANNELS", "plain:*"}) }},
	{1, func(g *generator) command { return command{"ECHO", g.payload()} }},
	{4, func(*generator) command { return command{"HELLO", "3"} }},
	{1, func(*generator) command { return command{"HELLO", "2"} }},
}

var keeping = []choice{
	{12, func(g *generator) command { return command{"XADD", g.one(historyNames), "*", "payload", g.payload()} }},
	{3, func(g *generator) command { return command{"XREAD", "STREAMS", g.one(historyNames), "$"} }},
	{5, func(g *generator) command {
		return command{"XREAD", "COUNT", "1", "BLOCK", "20000", "STREAMS", g.one(historyNames), "$"}
	}},
	{2, func(*generator) command {
		return command{"XREAD", "COUNT", "1", "BLOCK", "20000", "STREAMS", historyNames[0], historyNames[1], "$", "$"}
	}},
}

var reading = []choice{
	{3, func(g *generator) command { return command{"XRANGE", g.one(historyNames), "-", "+"} }},
	{3, func(g *generator) command { return command{"XLEN", g.one(historyNames)} }},
	{3, func(g *generator) command { return command{"XREAD", "STREAMS", g.one(historyNames), "0"} }},
}

// shard is a command about shard channels, or one in its place where the server has none.
func (g *generator) shard(word string, args []string) command {
	if !g.shards {
		return command{"PING", g.payload()}
	}
	return append(command{word}, args...)
}

func (g *generator) all() []string { return allNames(g.history) }

func (g *generator) one(names []string) string { return names[g.IntN(len(names))] }

// some is one name, or up to three, of which two may be the same.
func (g *generator) some(names []string) []string {
	list := []string{g.one(names)}
	for g.IntN(3) == 0 && len(list) < 3 {
		list = append(list, g.one(names))
	}
	return list
}

// payload is a text that comes only once.
func (g *generator) payload() string { g.payloads++; return fmt.Sprintf("m%d", g.payloads) }
