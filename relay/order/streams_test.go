package order_test

// The model's streams.

import (
	"fmt"
	"slices"
	"strings"
)

func (m *model) xadd(c *client, args []string) {
	channel, payload := args[0], args[3]
	m.add(channel, payload)
	c.reply(id(channel, len(m.streams[channel])))
	if m.relay {
		m.send(channels, channel, payload)
	}
}

// add appends an entry and answers those who wait for it.
func (m *model) add(channel, payload string) {
	m.streams[channel] = append(m.streams[channel], payload)
	for _, who := range m.open() {
		if c := m.clients[who]; slices.Contains(c.waits, channel) {
			c.waits = nil
			c.reply(m.answer(c, channel, len(m.streams[channel])-1))
		}
	}
}

// xread knows COUNT 1 BLOCK from $, which waits, and all that is there from $ or 0.
func (m *model) xread(c *client, args []string) {
	at := slices.Index(args, "STREAMS") + 1
	names, from := args[at:at+(len(args)-at)/2], args[len(args)-1]
	switch {
	case slices.Contains(args, "BLOCK"):
		c.waits = names
	case from == "$" || len(m.streams[names[0]]) == 0:
		c.reply("(nil)")
	default:
		c.reply(m.answer(c, names[0], 0))
	}
}

// answer is that of XREAD with entries of one stream.
func (m *model) answer(c *client, channel string, from int) string {
	if c.resp3 {
		return "%[" + channel + " " + m.entries(channel, from) + "]"
	}
	return "[[" + channel + " " + m.entries(channel, from) + "]]"
}

func (m *model) entries(channel string, from int) string {
	var texts []string
	for i, payload := range m.streams[channel][from:] {
		texts = append(texts, "["+id(channel, from+i+1)+" [payload "+payload+"]]")
	}
	return list(texts)
}

// id stands for the ID of the n-th entry of a stream.
func id(channel string, n int) string { return fmt.Sprintf("#%s/%d", channel, n) }

func list(texts []string) string { return "[" + strings.Join(texts, " ") + "]" }
