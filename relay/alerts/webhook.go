package alerts

// Telling an HTTP server.

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// WebhookOptions say whom to tell. All are fixed.
type WebhookOptions struct {
	URL       string // http:// or https://. It may hold a secret: it is never logged
	TokenFile string // holds the token for "Authorization: Bearer"; it is read for each request. "": none
	Origin    Origin
}

// Webhook posts alerts to a URL, one after the other. Add queues them, Run sends them.
type Webhook struct {
	// Fixed after construction.
	opts  WebhookOptions
	times timing
	http  *http.Client
	log   *zap.Logger
	queue *queue
	pace  *rate.Limiter

	sent, failures atomic.Uint64

	// Owned by Run.
	told    uint64    // how many of the dropped ones the receiver was told of
	warned  uint64    // how many of the dropped ones the log has
	failing time.Time // since when; zero: the last request was answered well
}

// timing says how long things take.
type timing struct {
	request  time.Duration // for one request
	first    time.Duration // the pause after the first failure, at most; each one after it may take twice as long
	longest  time.Duration // the longest such pause
	patience time.Duration // how long one message is tried while others wait
	drain    time.Duration // for all that waits when Run is to end
}

// defaultTiming is that of the product.
var defaultTiming = timing{
	request: 5 * time.Second, first: time.Second, longest: time.Minute, patience: 10 * time.Minute, drain: time.Second,
}

// burst is how many messages are sent at once; more of them are sent once a second.
const burst = 20

// NewWebhook returns a webhook that has sent nothing.
func NewWebhook(opts WebhookOptions, log *zap.Logger) *Webhook {
	return &Webhook{
		opts: opts, times: defaultTiming, http: newClient(), log: log, queue: newQueue(),
		pace: rate.NewLimiter(rate.Every(time.Second), burst),
	}
}

// Add queues an alert. It does not block.
func (w *Webhook) Add(a Alert) { w.queue.add(a) }

// WebhookStats are counts since the start, but for Waiting.
type WebhookStats struct {
	Sent     uint64 // messages that were answered with a status of 2xx
	Failures uint64 // requests that were not
	Dropped  uint64 // messages that were not sent, and will not be
	Waiting  int    // messages, but for the one that is being sent
}

// Stats returns the counts.
func (w *Webhook) Stats() WebhookStats {
	s := WebhookStats{Sent: w.sent.Load(), Failures: w.failures.Load()}
	s.Waiting, s.Dropped = w.queue.stats()
	return s
}

// Run sends alerts until ctx ends, and then for at most a second what still waits. It always returns nil.
func (w *Webhook) Run(ctx context.Context) error {
	requests, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(w.times.drain):
			stop()
		case <-requests.Done():
		}
	})()
	for {
		a, ok := w.queue.take()
		if ok && !w.deliver(ctx, requests, &a) {
			waiting, _ := w.queue.stats()
			w.log.Warn("alerts are not sent: the relay ends", zap.Int("alerts", waiting+1))
			return nil
		}
		if ok {
			continue
		}
		select {
		case <-w.queue.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// deliver sends one message, or drops it. It reports whether to go on: not, if the relay ends and the message was not
// sent.
func (w *Webhook) deliver(ctx, requests context.Context, a *Alert) bool {
	_ = w.pace.Wait(ctx) // an error: ctx has ended, and there is no time to wait
	began := time.Now()
	for pause := w.times.first; ; pause = min(2*pause, w.times.longest) {
		ending := ctx.Err() != nil
		_, dropped := w.queue.stats()
		err := w.post(requests, a, dropped-w.told)
		if err == nil {
			w.delivered(dropped)
			return true
		}
		w.failures.Add(1)
		if ending {
			return false
		}
		waiting, _ := w.queue.stats()
		if isFinal(err) || waiting > 0 && time.Since(began) >= w.times.patience {
			w.giveUp(a, err)
			return true
		}
		w.failed(err)
		select {
		case <-time.After(max(pause/2+rand.N(pause/2+1), min(retryAfter(err), w.times.longest))):
		case <-ctx.Done(): // once more
		}
	}
}

// delivered notes that a message has come through, and that the receiver knows how many were dropped.
func (w *Webhook) delivered(dropped uint64) {
	w.sent.Add(1)
	switch {
	case !w.failing.IsZero():
		w.log.Info("the webhook takes alerts again", zap.Duration("after", time.Since(w.failing).Round(time.Millisecond)),
			zap.Uint64("dropped", dropped-w.warned))
	case dropped > w.warned:
		w.log.Warn("alerts were dropped: too many waited for the webhook", zap.Uint64("dropped", dropped-w.warned))
	}
	w.told, w.warned, w.failing = dropped, dropped, time.Time{}
}

// failed notes that a request has failed that will be tried again.
func (w *Webhook) failed(err error) {
	if w.failing.IsZero() {
		w.failing = time.Now()
		w.log.Warn("the webhook takes no alerts; trying again", zap.Error(err))
	}
}

// giveUp drops a message.
func (w *Webhook) giveUp(a *Alert, err error) {
	w.queue.drop()
	w.log.Error("an alert was dropped: the webhook does not take it", zap.String("kind", a.Kind),
		zap.String("state", string(a.State)), zap.Error(err))
	w.warned++
}

// retryAfter returns for how long the receiver wants to be left alone; 0: it did not say.
func retryAfter(err error) time.Duration {
	var status *statusError
	if errors.As(err, &status) {
		return status.after
	}
	return 0
}

// isFinal reports whether it makes no sense to send the same again.
func isFinal(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.isFinal()
}
