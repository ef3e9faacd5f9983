package natsbridge

// From NATS clients to the relay: publishes, and questions for history.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"redis-relay/relay/resp"
)

const (
	roomPatience = 500 * time.Millisecond // with requests that are not carried out

	maxReaders   = 16   // history requests under way; others wait
	defaultCount = 100  // entries of a history request that does not say
	maxCount     = 1000 // entries of one reply
)

// request is what a client has sent.
type request struct {
	subject string
	reply   string // empty: no answer is wanted
	payload []byte
	at      time.Time
}

// requested takes a request. While too many wait, or too much, it waits, and the server
// slows down who publishes; but not for long, as the server keeps what is not read.
func (b *Bridge) requested(m request) {
	switch {
	case m.reply != "" && !isInbox(m.reply):
		b.stats.forged.Add(1) // an answer there would look like a delivery
	case b.awaitRoom(m.size()):
		b.asked.Add(m.size())
		b.requests <- m // has room: nobody else puts any in
	default:
		b.stats.busy.Add(1)
		b.open.Add(1)
		(&receipt{b, m.reply}).done(nil, errBusy)
		b.Flush()
	}
}

var errBusy = errors.New("BUSY too many publishes are waiting; try again later")

// awaitRoom waits until there is room for a request, or reports that none is made. Once
// it has waited in vain, it does not wait again before there is some.
func (b *Bridge) awaitRoom(size int64) bool {
	timer := time.NewTimer(roomPatience)
	defer timer.Stop()
	for len(b.requests) == cap(b.requests) || b.asked.Load() > 0 && b.asked.Load()+size > b.behind.Queue.Load() {
		select {
		case <-b.carried:
			b.stuck = false
			continue
		default:
		}
		if b.stuck {
			return false
		}
		select {
		case <-b.carried:
		case <-b.ended:
			return false
		case <-timer.C:
			b.stuck = true
		}
	}
	b.stuck = false
	return true
}

func (m request) size() int64 { return int64(len(m.subject) + len(m.reply) + len(m.payload)) }

// forget makes room: a request has been carried out.
func (b *Bridge) forget(m request) {
	b.asked.Add(-m.size())
	select {
	case b.carried <- struct{}{}:
	default:
	}
}

// isInbox tells whether an answer may be sent to a subject: an inbox, or what a
// cluster makes of one between two accounts.
func isInbox(subject string) bool {
	return strings.HasPrefix(subject, inboxToken+".") || strings.HasPrefix(subject, "_R_.")
}

// publishAll carries requests out, one after the other.
func (b *Bridge) publishAll(ctx context.Context) error {
	for {
		select {
		case m := <-b.requests:
			b.carryOut(ctx, m)
			b.forget(m)
		case <-b.ended:
			return nil
		case <-ctx.Done():
			return nil
		}
		if len(b.requests) == 0 {
			b.backend.Send()
		}
	}
}

func (b *Bridge) carryOut(ctx context.Context, m request) {
	b.open.Add(1)
	r := &receipt{b, m.reply}
	token, subject, _ := strings.Cut(m.subject, ".")
	channel, err := Channel(subject)
	switch {
	case err != nil:
		b.stats.unnamed.Add(1)
		r.done(nil, errors.New("DENIED "+err.Error()))
	case token == historyToken:
		b.readHistory(ctx, r, channel, m.payload)
		return
	default:
		late := !b.letSubscribersIn(channel, m.at)
		if err = b.backend.Publish([]byte(channel), m.payload, late, r); err == nil {
			return
		}
		r.Published(0, "", err)
	}
	b.Flush()
}

// letSubscribersIn waits while a subscription of anybody on this host, which the
// message would reach, is not confirmed by Redis yet. It reports false when the time
// that a publish has is up.
func (b *Bridge) letSubscribersIn(channel string, since time.Time) (inTime bool) {
	pending := b.hub.WaitFor(resp.Message, []byte(channel))
	if pending == nil {
		return true
	}
	b.backend.Send()
	timer := time.NewTimer(b.opts.PublishTimeout - time.Since(since))
	defer timer.Stop()
	for ; pending != nil; pending = b.hub.WaitFor(resp.Message, []byte(channel)) {
		select {
		case <-pending.Done():
		case <-timer.C:
			return false
		case <-b.ended:
			return true
		}
	}
	return true
}

// receipt answers one request.
type receipt struct {
	bridge *Bridge
	reply  string
}

func (r *receipt) Published(receivers int64, id string, err error) {
	r.done(struct {
		Receivers int64  `json:"receivers"`
		ID        string `json:"id,omitempty"`
	}{receivers, id}, err)
}

func (r *receipt) Flush() { r.bridge.Flush() }

// done queues the answer: v as JSON, or the error, in the headers that NATS
// services use, too.
func (r *receipt) done(v any, err error) {
	b := r.bridge
	defer b.open.Add(-1)
	if r.reply == "" {
		return
	}
	var code, reason string
	if err != nil {
		code, reason, _ = strings.Cut(err.Error(), " ")
		v = struct {
			Code  string `json:"code"`
			Error string `json:"error"`
		}{code, reason}
	}
	body, err := json.Marshal(v)
	if err != nil {
		body = []byte(`{"code":"ERR","error":"the answer cannot be written as JSON"}`)
	}
	head := []byte(r.reply + " ")
	if b.maxPayload > 0 && len(body)+headerRoom > b.maxPayload {
		code, reason = "TOOLARGE", "the answer is larger than the cluster's max_payload"
		body = []byte(`{"code":"TOOLARGE","error":"` + reason + `"}`)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if code == "" {
		b.batch = appendMessage(b.batch, head, resp.EntryID{}, body)
		return
	}
	b.batch = appendWithHeaders(b.batch, head, body,
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

// historyRequest is what a client asks for.
type historyRequest struct {
	From  string `json:"from"`  // an ID, "-" for the first, or "(" and an ID for those after it
	Count int    `json:"count"` // at most; 0: 100
}

type historyReply struct {
	Entries []historyEntry `json:"entries"`
	More    bool           `json:"more,omitempty"` // there may be more behind the last
}

// historyEntry has its payload as text, or in base64 if it is not UTF-8.
type historyEntry struct {
	ID      string  `json:"id"`
	Payload *string `json:"payload,omitempty"`
	Base64  []byte  `json:"base64,omitempty"`
}

var (
	errHistoryRequest = errors.New(`ERR write {"from":"-","count":100}: from is an ID, - for the first entry, ` +
		`or ( and an ID for those after it; count is 1 to 1000`)
	errReaders = errors.New("BUSY too many history requests are under way; try again later")
)

// readHistory answers a history request in a goroutine of its own.
func (b *Bridge) readHistory(ctx context.Context, r *receipt, channel string, text []byte) {
	q := historyRequest{From: "-", Count: defaultCount}
	if len(text) > 0 && json.Unmarshal(text, &q) != nil || q.Count < 1 || q.Count > maxCount || q.From == "" {
		r.done(nil, errHistoryRequest)
		b.Flush()
		return
	}
	select {
	case b.waiting <- struct{}{}:
	default:
		r.done(nil, errReaders)
		b.Flush()
		return
	}
	go func() {
		defer func() { <-b.waiting }()
		list, more, err := b.entries(ctx, channel, &q)
		r.done(reply(list, more, b.room()), err)
		b.Flush()
	}()
}

// entries reads entries when it is the request's turn, for as long as a publish may
// take.
func (b *Bridge) entries(ctx context.Context, channel string, q *historyRequest) (list []Entry, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.opts.PublishTimeout)
	defer cancel()
	select {
	case b.readers <- struct{}{}:
		defer func() { <-b.readers }()
	case <-ctx.Done():
		return nil, false, errReaders
	}
	return b.backend.History(ctx, channel, q.From, q.Count, b.room())
}

// room is how large a reply may be.
func (b *Bridge) room() int {
	limit := int(b.payload.Load())
	if b.maxPayload > 0 {
		limit = min(limit, b.maxPayload)
	}
	return limit
}

// reply takes as many entries as fit into one message of max bytes, at least one.
func reply(list []Entry, more bool, limit int) historyReply {
	const extra = 64 // bytes of an entry besides ID and payload
	r := historyReply{Entries: []historyEntry{}, More: more}
	size := 0
	for _, e := range list {
		h := historyEntry{ID: e.ID}
		switch text := string(e.Payload); {
		case e.Payload == nil:
		case utf8.ValidString(text):
			h.Payload = &text
		default:
			h.Base64 = e.Payload
		}
		text, err := json.Marshal(h)
		if size += len(text) + extra; err != nil || size > limit && len(r.Entries) > 0 {
			r.More = true
			break
		}
		r.Entries = append(r.Entries, h)
	}
	return r
}
