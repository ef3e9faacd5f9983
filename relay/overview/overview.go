package overview

// The status.

import (
	"context"
	"os"
	"runtime"
	"time"

	"redis-relay/relay/admin"
	"redis-relay/relay/status"
	"redis-relay/relay/watch"
)

// Overview collects what is told. New makes one.
type Overview struct {
	// Fixed after construction.
	parts   Parts
	host    string
	started time.Time

	recorder status.Recorder
	journal  status.Journal
}

// New makes an Overview of parts. It belongs to the loop, or comes before it.
func New(p *Parts) *Overview {
	o := &Overview{parts: *p, started: time.Now()}
	o.host, _ = os.Hostname()
	o.journal.Payloads = p.Config.HTTP.Payloads
	p.Teller.Watch(&o.journal)
	return o
}

// Run records the figures of each second, and calls then, until ctx ends.
func (o *Overview) Run(ctx context.Context, then func()) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		o.recorder.Record(o.read())
		then()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// read reads the figures of this moment.
func (o *Overview) read() status.Reading {
	now := status.Reading{At: time.Now(), Routes: map[string]status.Flow{}}
	rules, counters := o.parts.Rules()
	for _, rt := range rules.Routes() {
		t := counters[rt.Index].Totals()
		flow := status.Flow{
			Received: t.Received, ReceivedBytes: t.ReceivedBytes, Delivered: t.Delivered,
			Published: t.Published, PublishedBytes: t.PublishedBytes, Refused: t.Rejected,
		}
		now.Routes[rt.Name] = flow
		now.Total.Add(flow)
	}
	states := o.states()
	now.Up = o.requiredUp(states)
	if main := o.parts.Upstreams[0]; states[0].ready {
		now.Lag = main.Lag()
	}
	o.parts.Loop.Call(func() {
		lost := o.parts.Hub.Stats().Losses
		now.Total.Dropped = float64(lost.Dropped + lost.Replaced + lost.Ended)
	})
	return now
}

// Status returns what there is to know at this moment, with the last so many seconds, as far as somebody may know it
// who may listen to the channels for which may returns true.
func (o *Overview) Status(seconds int, may func(channel string) bool) *status.Status {
	p := &o.parts
	s := &status.Status{
		Version: p.Version, Host: o.host, PID: os.Getpid(), Time: time.Now(), Started: o.started,
		Seconds: o.recorder.Seconds(seconds), Routes: o.routes(), Channels: []status.Channel{},
		Rejects: []status.Reject{}, Events: o.journal.Events(), Alerts: o.alerts(may), NATS: o.nats(),
		Config: o.config(), Process: o.process(),
	}
	states := o.states()
	checks := o.checksWith(states)
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
	s.Redis = p.Upstreams[0].status(states[0])
	if len(p.Upstreams) > 1 {
		s.Upstreams = o.upstreams(states)
	}
	p.Loop.Call(func() { o.fromLoop(s) })
	p.Loop.Call(func() { s.Channels = o.channels(channelsFor(seconds), may) })
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
func (o *Overview) fromLoop(s *status.Status) {
	p := &o.parts
	o.history(s)
	s.Clients = status.Clients{Connected: p.Server.Stats().Clients, List: []status.Client{}}
	for _, c := range p.Server.Largest(status.MaxClients) {
		s.Clients.List = append(s.Clients.List, status.Client{
			Who: watch.Who(c.Client), Library: c.Library, Age: c.Age.Seconds(), Idle: c.Idle.Seconds(), Queued: c.Queued,
			QueuedFor: c.QueuedFor.Seconds(), Kept: c.Kept, Dropped: c.Missed, Subscriptions: c.Names, Command: c.Command,
		})
	}
}

func (o *Overview) routes() (list []status.Route) {
	rules, _ := o.parts.Rules()
	for _, rt := range rules.Routes() {
		one := status.Route{Name: rt.Name, Schema: rt.SchemaName}
		one.Total, one.Rate = o.recorder.Route(rt.Name)
		list = append(list, one)
	}
	return list
}

func (o *Overview) nats() *status.NATS {
	p := &o.parts
	if p.Config.NATS.Listen == "" && p.Leaf == nil {
		return nil
	}
	n := p.NATS()
	return &status.NATS{
		Clients: n.Clients, Subscriptions: n.Subscriptions, Delivered: n.Delivered, Dropped: n.Dropped,
		Leaf: p.Leaf.Stats().Up,
	}
}

func (o *Overview) config() status.Config {
	state := o.parts.Loaded()
	c := status.Config{File: o.parts.Config.File, Loaded: state.At, Changes: state.Changes, Cause: state.Cause}
	if c.Changes == nil {
		c.Changes = []string{}
	}
	if !state.Refused.IsZero() {
		c.Refused = &state.Refused
	}
	return c
}

func (o *Overview) process() status.Process {
	l := o.parts.Limits
	p := status.Process{
		Goroutines: runtime.NumGoroutine(), Queued: max(0, l.Used()-l.Kept()-l.Others()), Kept: l.Kept(),
		Limit: l.Memory.Load(), LongestTurn: o.parts.Loop.Longest().Seconds(),
	}
	p.CPU, p.Resident = status.Usage()
	return p
}
