package natsbridge

// From NATS clients to the relay: publishes.

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	roomPatience = 500 * time.Millisecond // with answers, while there is no room for a publish
	maxRequests  = 1024                   // publishes, and history requests, that may be unanswered
)

var errBusy = errors.New("BUSY too many publishes are waiting; try again later")

// requests are what NATS clients have asked for and was not answered. Everything belongs to the loop.
type requests struct {
	// Fixed after construction.
	parts   Parts
	link    *link
	out     *output
	history *history
	stats   *Counters
	limit   func() int64 // bytes of publishes that may be unanswered; one is always taken
	largest func() int   // bytes that an answer may have
	patient *loop.Timer  // while it is set, the link is paused until there is room

	publishes int      // not answered
	bytes     int64    // of those
	open      int      // publishes and history requests that are not answered
	checking  *receipt // for which the link is paused; nil: for none
	stuck     bool     // there is no room, and it was waited for
	idle      []func() // to be called when open is 0
}

// start sets up what the loop needs.
func (r *requests) start() {
	r.patient = r.parts.Loop.AfterFunc(roomPatience, func() {
		r.stuck = true
		r.link.resume()
	})
	r.patient.Stop()
}

// take carries a request out, or pauses the link and reports false. While too many publishes are
// unanswered, or too much, the next one waits, and the server slows down who publishes; but not for
// long, as the server keeps what is not read.
func (r *requests) take(m *request) (taken bool) {
	if m.reply != "" && !isInbox(m.reply) {
		r.stats.forged.Add(1) // an answer there would look like a delivery
		return true
	}
	token, subject, _ := strings.Cut(m.subject, ".")
	channel, err := Channel(subject)
	switch {
	case err != nil:
		r.stats.unnamed.Add(1)
		r.answer(m.reply, nil, errors.New("DENIED "+err.Error()))
		return true
	case token == historyToken:
		r.history.take(r.begin(m, 0), channel, m.payload)
		return true
	}
	return r.publish(m, channel)
}

func (r *requests) publish(m *request, channel string) (taken bool) {
	size := int64(len(m.subject) + len(m.reply) + len(m.payload))
	if r.publishes >= maxRequests || r.bytes > 0 && r.bytes+size > r.limit() {
		return r.refuseOrWait(m)
	}
	r.stuck = false
	r.patient.Stop()
	p := r.begin(m, size)
	r.publishes++
	checking, err := r.parts.Backend.Publish([]byte(channel), m.payload, p)
	switch {
	case err != nil:
		p.Published(0, "", err)
	case checking && !p.checked:
		r.checking = p
		r.link.pause()
	}
	return true
}

// refuseOrWait waits for room. Once that was in vain, publishes are refused until there is some.
func (r *requests) refuseOrWait(m *request) (taken bool) {
	if r.stuck {
		r.stats.busy.Add(1)
		r.answer(m.reply, nil, errBusy)
		return true
	}
	if !r.patient.Set() {
		r.patient.Reset(roomPatience)
	}
	r.link.pause()
	return false
}

// isInbox tells whether an answer may be sent to a subject: an inbox, or what a
// cluster makes of one between two accounts.
func isInbox(subject string) bool {
	return strings.HasPrefix(subject, inboxToken+".") || strings.HasPrefix(subject, "_R_.")
}

// receipt answers one request. It is a Receipt.
type receipt struct {
	requests *requests
	reply    string
	size     int64 // of a publish; 0: it is a history request
	checked  bool
}

func (r *requests) begin(m *request, size int64) *receipt {
	r.open++
	r.bytes += size
	return &receipt{requests: r, reply: m.reply, size: size}
}

// Checked is of Receipt.
func (p *receipt) Checked() {
	r := p.requests
	p.checked = true
	if r.checking == p {
		r.checking = nil
		r.link.resume()
	}
}

// Published is of Receipt.
func (p *receipt) Published(receivers int64, id string, err error) {
	p.Checked()
	r := p.requests
	r.publishes--
	body, _ := json.Marshal(struct { // it cannot fail
		Receivers int64  `json:"receivers"`
		ID        string `json:"id,omitempty"`
	}{receivers, id})
	p.done(body, err)
	if r.patient.Set() {
		r.link.resume() // there may be room
	}
}

// done answers, with a body or an error.
func (p *receipt) done(body []byte, err error) {
	r := p.requests
	r.answer(p.reply, body, err)
	r.bytes -= p.size
	if r.open--; r.open == 0 {
		r.becomeIdle()
	}
}

// answer queues an answer: a body, or the error as JSON and in the headers that NATS
// services use, too.
func (r *requests) answer(reply string, body []byte, err error) {
	if reply == "" {
		return
	}
	code, reason := "", ""
	if err != nil {
		code, reason, _ = strings.Cut(err.Error(), " ")
		body, _ = json.Marshal(struct { // it cannot fail
			Code  string `json:"code"`
			Error string `json:"error"`
		}{code, reason})
	}
	head := []byte(reply + " ")
	if largest := r.largest(); largest > 0 && len(body)+headerRoom > largest {
		code, reason = "TOOLARGE", "the answer is larger than the cluster's max_payload"
		body = []byte(`{"code":"TOOLARGE","error":"` + reason + `"}`)
	}
	o := r.out
	if code == "" {
		o.batch = appendMessage(o.batch, head, resp.EntryID{}, body)
		return
	}
	o.batch = appendWithHeaders(o.batch, head, body,
		header{"Nats-Service-Error-Code", oneLine(code)}, header{"Nats-Service-Error", oneLine(reason)})
}

// oneLine makes text fit for a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// whenIdle calls done when all that was taken is answered.
func (r *requests) whenIdle(done func()) {
	r.idle = append(r.idle, done)
	if r.open == 0 {
		r.becomeIdle()
	}
}

func (r *requests) becomeIdle() {
	list := r.idle
	r.idle = nil
	for _, done := range list {
		done()
	}
}
