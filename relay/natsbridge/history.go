package natsbridge

// History requests of NATS clients.

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	maxReaders   = 16   // history requests that are read at the same time; others wait
	defaultCount = 100  // entries, if a history request names no count
	maxCount     = 1000 // entries of one reply
)

var (
	errHistoryRequest = errors.New(`ERR write {"from":"-","count":100}: from is an ID, - for the first entry, ` +
		`or ( and an ID for those after it; count is 1 to 1000`)
	errReaders  = errors.New("BUSY too many history requests are under way; try again later")
	errNotJSON  = errors.New("ERR the answer cannot be written as JSON")
	errShutdown = errors.New("ERR the relay ends")
)

// history reads for clients, each request in a goroutine of its own. It belongs to the loop.
type history struct {
	// Fixed after construction.
	parts   Parts
	timeout time.Duration // of one request
	room    func() int    // the largest size of a reply, in bytes
	readers sync.WaitGroup
	ctx     context.Context // of all readers; ends with cancel
	cancel  context.CancelFunc

	queue   []reading // requests that wait for a reader
	reading int       // the number of requests that are being read
	ended   bool
}

// reading is one request.
type reading struct {
	answer   *responder
	channel  string
	query    historyRequest
	deadline time.Time
}

// historyRequest is what a client asks for.
type historyRequest struct {
	From  string `json:"from"`  // an ID, "-" for the first entry, or "(" and an ID for the entries after it
	Count int    `json:"count"` // at most; 0: 100
}

type historyReply struct {
	Entries []historyEntry `json:"entries"`
	More    bool           `json:"more,omitempty"` // there may be further entries
}

// historyEntry has its payload as text, or in base64 if it is not UTF-8.
type historyEntry struct {
	ID      string  `json:"id"`
	Payload *string `json:"payload,omitempty"`
	Base64  []byte  `json:"base64,omitempty"`
}

func newHistory(parts Parts, timeout time.Duration, room func() int) *history {
	h := &history{parts: parts, timeout: timeout, room: room}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// take accepts a request: it is answered now or later.
func (h *history) take(r *responder, channel string, text []byte) {
	q := historyRequest{From: "-", Count: defaultCount}
	switch {
	case len(text) > 0 && json.Unmarshal(text, &q) != nil || q.Count < 1 || q.Count > maxCount || q.From == "":
		r.done(nil, errHistoryRequest)
	case h.ended:
		r.done(nil, errShutdown)
	case h.reading+len(h.queue) >= maxRequests:
		r.done(nil, errReaders)
	default:
		h.queue = append(h.queue, reading{r, channel, q, time.Now().Add(h.timeout)})
		h.next()
	}
}

// next starts readers for requests that wait. A request whose deadline has passed is refused: each read ends by its
// own deadline, which is earlier, so that next is called in time.
func (h *history) next() {
	for h.reading < maxReaders && len(h.queue) > 0 {
		r := h.queue[0]
		h.queue[0] = reading{}
		h.queue = h.queue[1:]
		if !time.Now().Before(r.deadline) {
			r.answer.done(nil, errReaders)
			continue
		}
		h.reading++
		room := h.room()
		h.readers.Go(func() { h.read(r, room) })
	}
}

// read carries out a request. It runs in a goroutine.
func (h *history) read(r reading, room int) {
	ctx, cancel := context.WithDeadline(h.ctx, r.deadline)
	defer cancel()
	list, more, err := h.parts.Backend.History(ctx, r.channel, r.query.From, r.query.Count, room)
	var body []byte
	if err == nil {
		if body, err = json.Marshal(fit(list, more, room)); err != nil {
			err = errNotJSON
		}
	}
	h.parts.Loop.Post(func() {
		h.reading--
		r.answer.done(body, err)
		h.next()
	})
}

// end cancels the reads, and refuses the requests that wait.
func (h *history) end() {
	h.ended = true
	h.cancel()
	queue := h.queue
	h.queue = nil
	for _, r := range queue {
		r.answer.done(nil, errShutdown)
	}
}

// fit returns a reply with as many entries as fit into a message of limit bytes, but at least one.
func fit(list []Entry, more bool, limit int) historyReply {
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
