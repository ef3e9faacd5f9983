package relay

// What the relay tells about itself: the status page, the API and RELAY STATUS.

import (
	"context"
	"encoding/json"
	"os"
	"runtime"
	"time"

	"redis-relay/relay/admin"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/status"
)

// overview collects a status.Status of all parts. Its methods may be called from anywhere.
type overview struct {
	// Fixed after construction.
	relay   *Relay
	version string
	host    string
	started time.Time

	recorder status.Recorder
	journal  status.Journal
}

func newOverview(r *Relay, version string) *overview {
	o := &overview{relay: r, version: version, started: time.Now()}
	o.host, _ = os.Hostname()
	o.journal.Payloads = r.cfg.HTTP.Payloads
	r.teller.Watch(&o.journal)
	return o
}

// run records the figures of each second until ctx ends.
func (o *overview) run(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		o.recorder.Record(o.read())
		if o.relay.admin != nil {
			o.relay.admin.Tick()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// read reads the figures of this moment.
func (o *overview) read() status.Reading {
	r := o.relay
	now := status.Reading{At: time.Now(), Routes: map[string]status.Flow{}}
	rules := r.rules.Load()
	for _, rt := range rules.Routes() {
		t := rules.counters[rt.Index].Totals()
		flow := status.Flow{
			Received: t.Received, ReceivedBytes: t.ReceivedBytes, Delivered: t.Delivered,
			Published: t.Published, PublishedBytes: t.PublishedBytes, Refused: t.Rejected,
		}
		now.Routes[rt.Name] = flow
		now.Total.Add(flow)
	}
	states := r.sides.states(r.loop)
	now.Up = r.sides.requiredUp(states)
	if states[0].ready {
		now.Lag = r.sides[0].lagSeconds()
	}
	r.loop.Call(func() {
		lost := r.hub.Stats().Losses
		now.Total.Dropped = float64(lost.Dropped + lost.Replaced + lost.Ended)
	})
	return now
}

// Status returns what there is to know at this moment, with the last so many seconds, as far as somebody may know it
// who may listen to the channels for which may returns true.
func (o *overview) Status(seconds int, may func(channel string) bool) *status.Status {
	r := o.relay
	s := &status.Status{
		Version: o.version, Host: o.host, PID: os.Getpid(), Time: time.Now(), Started: o.started,
		Seconds: o.recorder.Seconds(seconds), Routes: o.routes(), Channels: []status.Channel{},
		Rejects: []status.Reject{}, Events: o.journal.Events(), Alerts: o.alerts(may), NATS: o.nats(),
		Config: o.config(), Process: o.process(),
	}
	states := r.sides.states(r.loop)
	checks := checksWith(r, states)
	s.Ready, _ = admin.Ready(checks)
	for _, c := range checks {
		s.Checks = append(s.Checks, status.Check(c))
	}
	s.Total, s.Rate = o.recorder.Total()
	for _, reject := range o.journal.Rejects() {
		if may(reject.Channel) {
			s.Rejects = append(s.Rejects, reject)
		}
	}
	s.Redis = r.sides[0].redisStatus(states[0])
	if len(r.sides) > 1 {
		s.Upstreams = r.sides.upstreams(states)
	}
	r.loop.Call(func() { o.fromLoop(s) })
	r.loop.Call(func() { s.Channels = o.channels(channelsFor(seconds), may) })
	return s
}

// channelsFor returns how many channels of each order go with so many seconds: few to those who look again and again.
func channelsFor(seconds int) int {
	if seconds <= status.LiveSeconds {
		return status.LiveChannels
	}
	return status.MaxChannels
}

// fromLoop adds what belongs to the loop.
func (o *overview) fromLoop(s *status.Status) {
	r := o.relay
	for i, side := range r.sides {
		h := historyStatus(side.feed.Stats())
		s.History.Add(h)
		if len(s.Upstreams) > 0 {
			s.Upstreams[i].History = h
		}
	}
	s.Clients = status.Clients{Connected: r.server.Stats().Clients, List: []status.Client{}}
	for _, c := range r.server.Largest(status.MaxClients) {
		s.Clients.List = append(s.Clients.List, status.Client{
			Who: whoIs(c.Client), Library: c.Library, Age: c.Age.Seconds(), Idle: c.Idle.Seconds(), Queued: c.Queued,
			QueuedFor: c.QueuedFor.Seconds(), Kept: c.Kept, Dropped: c.Missed, Subscriptions: c.Names, Command: c.Command,
		})
	}
}

func (o *overview) routes() (list []status.Route) {
	for _, rt := range o.relay.rules.Load().Routes() {
		one := status.Route{Name: rt.Name, Schema: rt.SchemaName}
		one.Total, one.Rate = o.recorder.Route(rt.Name)
		list = append(list, one)
	}
	return list
}

func (o *overview) nats() *status.NATS {
	r := o.relay
	if r.natsAddress == "" && r.cfg.NATS.Leaf.URL == "" {
		return nil
	}
	n := r.natsStats()
	return &status.NATS{
		Clients: n.Clients, Subscriptions: n.Subscriptions, Delivered: n.Delivered, Dropped: n.Dropped,
		Leaf: r.leaf.up.Load(),
	}
}

func (o *overview) config() status.Config {
	state := o.relay.reloader.loaded.Load()
	c := status.Config{File: o.relay.cfg.File, Loaded: state.at, Changes: state.changes, Cause: state.cause}
	if c.Changes == nil {
		c.Changes = []string{}
	}
	if !state.refused.IsZero() {
		c.Refused = &state.refused
	}
	return c
}

func (o *overview) process() status.Process {
	l := &o.relay.limits
	p := status.Process{
		Goroutines: runtime.NumGoroutine(), Queued: max(0, l.Used()-l.Kept()-l.Others()), Kept: l.Kept(),
		Limit: l.Memory.Load(), LongestTurn: o.relay.loop.Longest().Seconds(),
	}
	p.CPU, p.Resident = status.Usage()
	return p
}

// overviewForClients is respserver.Overview. It belongs to the loop.
type overviewForClients struct{ relay *Relay }

// Status collects the status in a goroutine, because parts of it are asked of the loop.
func (o *overviewForClients) Status(by respserver.User, done func([]byte)) {
	r := o.relay
	may := func(channel string) bool {
		return r.rules.Load().MaySubscribe(policy.User(by), resp.Message, []byte(channel)) == nil
	}
	go func() {
		b, err := json.Marshal(r.overview.Status(status.MaxSeconds, may))
		if err != nil {
			b = []byte("{}") // never: all of it can be encoded
		}
		r.loop.Post(func() { done(b) })
	}()
}
