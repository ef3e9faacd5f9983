package needs

// The Watcher: while a relay runs, the log says once which right is missing, and what does not work without it.

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/notice"
	"redis-relay/relay/upstream"
)

// Watcher knows which rights are missing, and says so when that changes.
type Watcher struct {
	// Fixed after construction.
	use    func() Use
	teller *notice.Teller
	wait   time.Duration // for an answer
	about  []zap.Field   // what log lines have beside the error
	up     chan struct{} // a value when a connection stands

	mu   sync.Mutex
	told map[string]string // command -> what was advised; empty: it is allowed; guarded by mu
}

// NewWatcher returns a Watcher for a relay with a use of Redis that is asked for each time, from any goroutine. Redis
// may take so long to answer as wait says. about is for log lines, and says which Redis it is.
func NewWatcher(use func() Use, wait time.Duration, teller *notice.Teller, about ...zap.Field) *Watcher {
	return &Watcher{
		use: use, teller: teller, wait: wait, about: about, up: make(chan struct{}, 1), told: map[string]string{},
	}
}

// Look has Run try the rights again, soon. It does not wait.
func (w *Watcher) Look() {
	select {
	case w.up <- struct{}{}:
	default:
	}
}

func (w *Watcher) rights() []Right { return append(Rights(w.use()), ofPatterns) }

// Run tries by a Reader, each time a connection stands, what Redis allows until ctx ends. It always returns nil.
func (w *Watcher) Run(ctx context.Context, reader *upstream.Reader) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.up:
		}
		for _, right := range w.rights() {
			if right.Try != "" {
				w.Note(right.Name, w.attempt(ctx, reader, right.Try))
			}
		}
	}
}

func (w *Watcher) attempt(ctx context.Context, reader *upstream.Reader, try string) error {
	var args []any
	for word := range strings.FieldsSeq(try) {
		args = append(args, word)
	}
	ctx, cancel := context.WithTimeout(ctx, w.wait)
	defer cancel()
	_, err := reader.Do(ctx, args...)
	return err
}

// Note takes what Redis said to a command: whether it is refused is told when that
// changes. It may be called from anywhere.
func (w *Watcher) Note(command string, err error) {
	is := Refuses(err)
	if is && command == acrossSlots && !upstream.SplitsKeys(err) {
		return // that is told of EVAL
	}
	if !is && !isReply(err) {
		return // nobody knows
	}
	var lost, advice string
	for _, right := range w.rights() {
		if is && right.Name == command {
			lost, advice = right.Lost, right.Advice(err)
		}
	}
	if is && advice == "" {
		return // this relay does not need it
	}
	w.mu.Lock()
	changed := w.told[command] != advice
	w.told[command] = advice
	w.mu.Unlock()
	switch {
	case !changed:
	case !is:
		w.teller.Log(notice.RightBack.With(command), w.about...)
	default:
		w.teller.Log(notice.RightMissing.With(command, lost, advice), append(slices.Clip(w.about), zap.Error(err))...)
	}
}
