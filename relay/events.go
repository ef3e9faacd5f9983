package relay

// What the relay tells: to the log, and as JSON on its own two channels, which
// exist on this host only.

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
)

// The relay's own channels. Clients of this host may subscribe to them by their
// full names; nobody may publish on them.
const (
	EventsChannel  = "relay:events"
	RejectsChannel = "relay:rejects"
)

func isLocal(name string) bool { return name == EventsChannel || name == RejectsChannel }

// Event is a message on relay:events. Fields that do not apply are absent.
type Event struct {
	Event string    `json:"event"` // one of those that schemas/events.json describes
	Time  time.Time `json:"time"`
	Cause string    `json:"cause,omitempty"`

	// Of gap: what may be missing. Of upstream_up: Since only.
	Since    *time.Time `json:"since,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Prefixes []string   `json:"prefixes,omitempty"` // "" stands for the channels that no route covers

	// Of alert, for a channel that carries more than rate.alert: what comes from Redis,
	// or what local clients publish.
	Direction monitor.Direction `json:"direction,omitempty"`
	Rate      float64           `json:"rate,omitempty"` // messages/s

	// Of a gap in a channel with history that could not be healed: after which entry,
	// before which, and how many; or which pattern's unknown channels. Channel and
	// Missing also of a gap in a single channel without, Channel also of alert.
	Channel string `json:"channel,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	After   string `json:"after,omitempty"`
	Before  string `json:"before,omitempty"`
	Missing int64  `json:"missing,omitempty"`
	Entry   string `json:"entry,omitempty"` // that is missing, and in the stream
	Size    int64  `json:"size,omitempty"`  // of entry, in bytes

	Who                     // of slow_listener, and what became of it:
	Reason       hub.Reason `json:"reason,omitempty"`
	Disconnected bool       `json:"disconnected,omitempty"`
	Messages     uint64     `json:"messages,omitempty"` // that it missed since the last event
	Queued       int        `json:"queued,omitempty"`   // bytes of output that wait
	Kept         int        `json:"kept,omitempty"`     // bytes for its subscriptions and commands

	Subscriptions int `json:"subscriptions,omitempty"` // of upstream_up: confirmed by Redis
	Attempts      int `json:"attempts,omitempty"`      // of alert, for Redis: failed in a row
}

// Who is a local client.
type Who struct {
	Client uint64  `json:"client,omitempty"` // as in CLIENT LIST
	Name   string  `json:"name,omitempty"`
	PID    int32   `json:"pid,omitempty"`
	UID    *uint32 `json:"uid,omitempty"`
}

func whoIs(c respserver.Client) Who {
	w := Who{Client: c.ID, Name: c.Name, PID: c.PID}
	if c.Known {
		w.UID = &c.UID
	}
	return w
}

// Reject is a message on relay:rejects.
type Reject struct {
	Time      time.Time         `json:"time"`
	Direction monitor.Direction `json:"direction"`
	Channel   string            `json:"channel"`
	Route     string            `json:"route"`
	Code      Code              `json:"code"`
	Reason    string            `json:"reason"`
	Size      int               `json:"size"` // of the payload in bytes; 0: not known
	Who                         // has published it; absent if that is not a client of the socket

	LetThrough bool `json:"let_through,omitempty"` // it is INVALID, and the route says invalid: log
}

// tell queues a message for the local listeners of one of the relay's own channels.
// Of a gap a NATS cluster is told, too.
func (r *Relay) tell(channel string, v any) {
	r.tellHere(channel, v)
	if e, ok := v.(Event); ok && e.Event == "gap" {
		if a := r.leaf.attached(); a != nil {
			r.leaf.tell(a.Bridge, e)
		}
	}
}

// tellHere tells this host. Who cannot keep up misses it; but of a gap who cannot be
// told by an event is told by being disconnected.
func (r *Relay) tellHere(channel string, v any) {
	n, _, _ := r.hub.Listeners(resp.Message, []byte(channel))
	outside := r.nats != nil && r.nats.Hears([]byte(channel))
	if n == 0 && !outside {
		return
	}
	payload, err := json.Marshal(v)
	if err != nil {
		r.log.Error("cannot encode an event", zap.Error(err))
		return
	}
	frame := resp.AppendMessage(nil, resp.RESP2, resp.Message.String(), []byte(channel), payload)
	mode := hub.ModeDrop
	if e, ok := v.(Event); ok && e.Event == "gap" {
		mode = 0
	}
	r.hub.Deliver(resp.Message, []byte(channel), frame, mode)
	if outside {
		r.nats.Deliver(&resp.Delivery{Kind: resp.Message, Channel: []byte(channel), Payload: payload})
	}
}

// Behind tells of a client that did not keep up.
func (r *Relay) Behind(c respserver.SlowClient) {
	if !c.Ended {
		if more, ok := r.behindLog.Allow(strconv.FormatUint(c.ID, 10)); ok {
			r.log.Warn("a client does not keep up", slices.Concat(c.Fields(), []zap.Field{
				zap.String("reason", string(c.Reason)), zap.Uint64("messages", c.Missed),
			}, more)...)
		}
	}
	r.tell(EventsChannel, Event{
		Event: "slow_listener", Time: time.Now(), Who: whoIs(c.Client),
		Reason: c.Reason, Disconnected: c.Ended, Messages: c.Missed, Queued: c.Queued, Kept: c.Kept,
	})
}

// reject counts, logs (sampled) and tells of a refused message, or of an invalid one that
// is let through. by is who has published it; nil: that is not a client of the socket.
func (r *Relay) reject(
	d monitor.Direction, rt *route.Route, counters *monitor.Route, why *Refusal, size int, by respserver.Sender,
) {
	counters.Rejected(d, string(why.Code)).Inc()
	reject := Reject{
		Time: time.Now(), Direction: d, Channel: why.Channel, Route: rt.Name,
		Code: why.Code, Reason: why.Reason, Size: size, LetThrough: why.Code == Invalid && rt.LogInvalid,
	}
	what := "message refused"
	if reject.LetThrough {
		what = "invalid message let through"
	}
	var who []zap.Field
	if by != nil {
		client := by.Identity()
		reject.Who, who = whoIs(client), client.Fields()
	}
	if more, ok := r.rejectLog.Allow(string(d) + " " + string(why.Code) + " " + why.Channel); ok {
		r.log.Warn(what, slices.Concat([]zap.Field{
			zap.String("direction", string(d)), zap.String("channel", printable(why.Channel)),
			zap.String("route", rt.Name), zap.String("code", string(why.Code)), zap.String("reason", why.Reason),
		}, who, more)...)
	}
	r.tell(RejectsChannel, reject)
}

// Up is told when all subscriptions stand. It is upstream.Owner.
func (r *Relay) Up(subscriptions int, outage upstream.Outage) {
	subscriptions -= r.interest.count()
	facts := []zap.Field{zap.String("redis", r.redisName()), zap.Int("subscriptions", subscriptions)}
	if outage.Took > 0 {
		facts = append(facts, zap.Duration("outage", outage.Took.Round(time.Millisecond)))
	}
	r.log.Info("connected to Redis", facts...)
	now := time.Now()
	up := Event{Event: "upstream_up", Time: now, Subscriptions: subscriptions}
	if since := outage.Since; !since.IsZero() {
		up.Since = &since
		r.tell(EventsChannel, Event{
			Event: "gap", Time: now, Since: &since, Until: &outage.Until, Prefixes: r.rules.Load().prefixes(),
			Cause: "the connection to Redis was lost",
		})
	}
	r.tell(EventsChannel, up)
	r.feed.Up() // before anybody can act on the event
	r.rights.look()
}

// Down is told when the connection is lost.
func (r *Relay) Down(err error) {
	r.log.Warn("connection to Redis lost; reconnecting", zap.Error(err),
		zap.Int("disconnected_clients", r.disconnected))
	r.tell(EventsChannel, Event{Event: "upstream_down", Time: time.Now(), Cause: err.Error()})
}

// Waiting is told while there is no connection.
func (r *Relay) Waiting(outage time.Duration, err error) {
	r.log.Warn("no connection to Redis; still trying", zap.Duration("for", outage.Round(time.Second/10)), zap.Error(err),
		zap.String("redis", r.redisName()))
}

// Alert is told when reconnecting keeps failing.
func (r *Relay) Alert(attempts int, err error) {
	r.alerts.Add(1)
	r.log.Error("Redis cannot be reached; still trying", zap.Int("attempts", attempts), zap.Error(err),
		zap.String("redis", r.redisName()))
	r.tell(EventsChannel, Event{Event: "alert", Time: time.Now(), Attempts: attempts, Cause: err.Error()})
}

// socketLost is told when clients cannot connect any more, and with nil when they can
// again.
func (r *Relay) socketLost(why error) {
	event := Event{Event: "socket_up", Time: time.Now()}
	if why != nil {
		event.Event, event.Cause = "socket_down", why.Error()
		r.log.Error("clients cannot connect; those who are connected stay", zap.Error(why))
	} else {
		r.log.Info("clients can connect again", zap.String("socket", r.cfg.Socket.Path))
	}
	r.loop.Post(func() { r.tell(EventsChannel, event) })
}
