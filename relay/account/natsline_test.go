package account

// Listeners that are NATS clients.

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// natsInbox is where a client hears what it says to itself: the server has then dealt
// with all that it said before, and sent all that it had for it.
const natsInbox = "_INBOX.listener"

// leftText, and a name, is what it says when it has unsubscribed.
const leftText = "left "

// probed is a channel on which nobody listens.
const probed = "probe:1"

// natsLine is a listener's connection to the NATS door.
//
// NATS has no word for a subscription that Redis has confirmed: but Redis carries out what
// is published through the same relay later, on any channel, behind it.
type natsLine struct {
	*natsClient
	l     *listener
	inbox string
}

func dialNATSLine(l *listener) (line, error) {
	address, process, err := l.relay.nats()
	if err != nil {
		return nil, err
	}
	c, err := dialNATS(address)
	if err != nil {
		return nil, err
	}
	l.process = process
	return &natsLine{c, l, natsInbox + "." + strings.ReplaceAll(l.ear.Name, " ", "-")}, nil
}

func (c *natsLine) greet() error {
	c.l.ear.Early = true
	text := "SUB " + c.inbox + " inbox\r\nSUB " + c.inbox + ".* probes\r\n"
	if c.l.wantsGaps() {
		text += "SUB " + subjectOf(eventsName) + " events\r\n"
	}
	return c.send([]byte(text))
}

// subscribe has the name as the number of the subscription.
func (c *natsLine) subscribe(names ...string) error {
	var text strings.Builder
	for _, name := range names {
		text.WriteString("SUB " + subjectOf(name))
		if len(c.l.part.protos) > 1 {
			text.WriteString(" group")
		}
		text.WriteString(" " + name + "\r\n")
	}
	b := []byte(text.String())
	for _, name := range names {
		for _, i := range covers(onNATS, name) {
			b = c.appendProbe(b, i)
		}
	}
	return c.send(b)
}

// appendProbe asks whether a channel is heard; the answer names it.
func (c *natsLine) appendProbe(b []byte, channel int) []byte {
	return appendPub(b, "publish."+subjectOf(probed), fmt.Sprintf("%s.%d", c.inbox, channel), []byte("probe"))
}

// answered takes the answer to a probe.
func (c *natsLine) answered(m natsMessage) error {
	channel, err := strconv.Atoi(m.subject[len(c.inbox)+1:])
	switch {
	case err != nil:
		return err
	case c.l.ear.Subscribed(channel):
	case m.header != "": // an error
		return c.send(c.appendProbe(nil, channel))
	default:
		c.l.ear.Join(channel, time.Now().UnixNano())
		c.l.there.Store(c.l.hearsAll() || c.l.there.Load())
	}
	return nil
}

func (c *natsLine) unsubscribe(name string) error {
	return c.send(append([]byte("UNSUB "+name+"\r\n"), c.echo(leftText+name)...))
}

// echo has the server send a text back.
func (c *natsLine) echo(text string) []byte { return appendPub(nil, c.inbox, "", []byte(text)) }

func (c *natsLine) next() error {
	m, err := c.receive(patience)
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(m.subject, c.inbox+"."):
		return c.answered(m)
	case m.subject != c.inbox:
		c.l.message(nameOf(m.subject), m.payload)
		return nil
	}
	text := string(m.payload)
	if text == drainText {
		c.l.drained.Store(true)
	}
	if name, ok := strings.CutPrefix(text, leftText); ok {
		return c.l.left(c, name)
	}
	return nil
}

// hearsAll tells whether every channel is heard.
func (l *listener) hearsAll() bool {
	for _, name := range l.part.names {
		for _, i := range covers(l.part.command, name) {
			if !l.ear.Subscribed(i) {
				return false
			}
		}
	}
	return true
}

func (c *natsLine) drain() { _ = c.send(c.echo(drainText)) }

func (c *natsLine) flood() error {
	for range floodBlocks {
		if err := c.sendWithin(time.Second, floodBlock); err != nil {
			return err
		}
	}
	return nil
}

var _ line = (*natsLine)(nil)
