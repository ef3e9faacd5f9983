package admin

// The stream of events behind the page: the status of each second, made once for all who read.

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"redis-relay/relay/status"
)

// MaxStreams is how many can read the stream of events at one time. The next one is told to come back.
const MaxStreams = 16

// streamTime is how long one event may take to be written.
const streamTime = 10 * time.Second

// comeBack is after how many seconds somebody may try again for whom there was no room.
const comeBack = 5

// streams are the readers of the stream of events.
type streams struct {
	// Fixed after construction.
	overview Overview
	held     *connections
	ticks    chan struct{} // a second is over
	ended    chan struct{} // closed when no more events come

	mu      sync.Mutex // guards what follows
	readers map[*reader]struct{}
}

// reader is a client. next has the newest event that it has not got: who is slow misses those before.
type reader struct{ next chan []byte }

func newStreams(overview Overview, held *connections) *streams {
	return &streams{
		overview: overview, held: held, ticks: make(chan struct{}, 1), ended: make(chan struct{}),
		readers: map[*reader]struct{}{},
	}
}

// run makes an event of each second that somebody reads, until ctx ends.
func (s *streams) run(ctx context.Context) {
	defer close(s.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.ticks:
			s.send(event(s.overview(1)))
		}
	}
}

// tick is called when a second is over. It may be called from anywhere. A second that nobody reads makes no event.
func (s *streams) tick() {
	if s.count() == 0 {
		return
	}
	select {
	case s.ticks <- struct{}{}:
	default: // the last one is being told
	}
}

func (s *streams) send(event []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.readers {
		select {
		case <-r.next:
		default:
		}
		r.next <- event // there is room: nobody else sends
	}
}

func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.readers)
}

// join returns a new reader, or nil if there is no room.
func (s *streams) join() *reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.readers) >= MaxStreams {
		return nil
	}
	r := &reader{make(chan []byte, 1)}
	s.readers[r] = struct{}{}
	return r
}

func (s *streams) leave(r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readers, r)
}

// ServeHTTP sends the whole status, and then each second's.
func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reader := s.join()
	if reader == nil {
		w.Header().Set("Retry-After", strconv.Itoa(comeBack))
		text(w, http.StatusServiceUnavailable, fmt.Sprintf("%d read already\n", MaxStreams))
		return
	}
	defer s.leave(reader)
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	conn := connOf(r)
	s.held.hold(conn)
	defer s.held.release(conn)
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // nothing more is read; the deadline of the request would end the stream
	next := append([]byte("retry: 1000\n\n"), event(s.overview(missed(r)))...)
	for {
		_ = out.SetWriteDeadline(time.Now().Add(streamTime))
		if _, err := w.Write(next); err != nil || out.Flush() != nil {
			return
		}
		select {
		case next = <-reader.next:
		case <-r.Context().Done():
			return
		case <-s.ended:
			return
		}
	}
}

// event words a status. Its id says up to when the reader knows the past of which relay.
func event(s *status.Status) []byte {
	data, err := json.Marshal(s)
	if err != nil {
		return nil // never: all of it can be encoded
	}
	at := int64(0)
	if n := len(s.Seconds); n > 0 {
		at = s.Seconds[n-1].At
	}
	return fmt.Appendf(nil, "id: %d-%d\nevent: status\ndata: %s\n\n", s.Started.UnixNano(), at, data)
}

// missed returns how many of the last seconds a reader lacks. One that knows of another relay's lacks all, which
// the page finds out by the time of the start.
func missed(r *http.Request) int {
	_, text, _ := strings.Cut(r.Header.Get("Last-Event-ID"), "-")
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return status.MaxSeconds
	}
	return int(min(max(time.Now().Unix()-at+2, 1), status.MaxSeconds))
}
