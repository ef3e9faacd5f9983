package natsbridge

// Requests of NATS clients: publishes, and answers to all requests.

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	roomTimeout = 500 * time.Millisecond // the longest wait for room for a publish
	maxRequests = 1024                   // publishes, and history requests, that may be pending
)

var errBusy = errors.New("BUSY too many publishes are waiting; try again later")

// requests holds the pending requests of NATS clients. It belongs to the loop.
type requests struct {
	// Fixed after construction.
	parts     Parts
	conn      *connection
	out       *output
	history   *history
	stats     *Counters
	limit     func() int64 // bytes of publishes that may be pending; one publish always may
	largest   func() int   // bytes of the largest answer
	roomTimer *loop.Timer  // while it is set, the connection is paused until there is room

	publishes int        // the number of pending publishes
	bytes     int64      // their size
	open      int        // the number of pending publishes and history requests
	checking  *responder // the connection is paused until this publish is checked; nil: it is not
	full      bool       // there is no room, even after waiting for roomTimeout
	idle      []func()   // called when open is 0
}

// start makes the timer.
func (r *requests) start() {
	r.roomTimer = r.parts.Loop.AfterFunc(roomTimeout, func() {
		r.full = true
		r.conn.resume()
	})
	r.roomTimer.Stop()
}

// take carries out a request, or pauses the connection and returns false. While too many publishes are pending, the
// next one waits, and the server slows down its publishers. It does not wait longer than roomTimeout, because the
// server buffers what is not read.
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
	r.full = false
	r.roomTimer.Stop()
	p := r.begin(m, size)
	r.publishes++
	checking, err := r.parts.Backend.Publish([]byte(channel), m.payload, p)
	switch {
	case err != nil:
		p.Published(0, "", err)
	case checking && !p.checked:
		r.checking = p
		r.conn.pause()
	}
	return true
}

// refuseOrWait waits for room. If there is none after roomTimeout, it refuses publishes until there is.
func (r *requests) refuseOrWait(m *request) (taken bool) {
	if r.full {
		r.stats.busy.Add(1)
		r.answer(m.reply, nil, errBusy)
		return true
	}
	if !r.roomTimer.Set() {
		r.roomTimer.Reset(roomTimeout)
	}
	r.conn.pause()
	return false
}

// isInbox reports whether an answer may be sent to a subject: to an inbox, or to what a cluster makes of an inbox
// between two accounts.
func isInbox(subject string) bool {
	return strings.HasPrefix(subject, inboxToken+".") || strings.HasPrefix(subject, "_R_.")
}

// responder answers one request. It is Responder.
type responder struct {
	requests *requests
	reply    string
	size     int64 // of a publish, in bytes; 0: a history request
	checked  bool
}

// begin counts a request as pending, until done.
func (r *requests) begin(m *request, size int64) *responder {
	r.open++
	r.bytes += size
	return &responder{requests: r, reply: m.reply, size: size}
}

// Checked implements Responder.
func (p *responder) Checked() {
	r := p.requests
	p.checked = true
	if r.checking == p {
		r.checking = nil
		r.conn.resume()
	}
}

// Published implements Responder.
func (p *responder) Published(receivers int64, id string, err error) {
	p.Checked()
	r := p.requests
	r.publishes--
	body, _ := json.Marshal(struct { // it cannot fail
		Receivers int64  `json:"receivers"`
		ID        string `json:"id,omitempty"`
	}{receivers, id})
	p.done(body, err)
	if r.roomTimer.Set() {
		r.conn.resume() // there may be room
	}
}

// done answers the request, with a body or an error.
func (p *responder) done(body []byte, err error) {
	r := p.requests
	r.answer(p.reply, body, err)
	r.bytes -= p.size
	if r.open--; r.open == 0 {
		r.becomeIdle()
	}
}

// answer queues an answer: a body, or an error as JSON and in the headers of NATS services.
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

// whenIdle calls done when no request is pending.
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
