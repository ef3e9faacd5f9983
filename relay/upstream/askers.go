package upstream

// A small connection to each node of a cluster: probes are published over it, and the node is asked for its view.

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"redis-relay/relay/upstream/cluster"
	"redis-relay/relay/upstream/credentials"
)

const (
	busRole    = "bus"           // ends the names of such connections in CLIENT LIST
	askTimeout = 2 * time.Second // for one answer
	room       = 64              // questions of others that may wait for one node
)

// asker is such a connection, for as long as a session of the subscriber lasts. It belongs to the loop, but for run.
type asker struct {
	addr    string
	busy    bool     // a probe is under way
	jobs    chan job // never full for a probe and a view: see room
	dismiss context.CancelFunc
}

// job is what is asked. It returns what the loop does with the answer.
type job func(ctx context.Context, client *redis.Client) (then func())

// hire has an asker for each node that is up, and none for others.
func (b *bus) hire() {
	for id, a := range b.askers {
		if n, ok := b.view.Find(id); !ok || n.Failed || n.Addr != a.addr {
			a.dismiss()
			delete(b.askers, id)
			if b.asking == a {
				b.asking = nil
			}
		}
	}
	for _, n := range b.view {
		if b.askers[n.ID] == nil && !n.Failed {
			b.askers[n.ID] = b.newAsker(n)
		}
	}
}

func (b *bus) newAsker(n cluster.Node) *asker {
	ctx, cancel := context.WithCancel(context.Background())
	a := &asker{addr: n.Addr, jobs: make(chan job, room+2), dismiss: cancel}
	c, s := b.connection, b.session
	inSession := func(then func()) {
		c.loop.Post(func() {
			if b.session == s && b.askers[n.ID] == a {
				then()
			}
		})
	}
	c.goroutines.Go(func() {
		client, err := c.opts.askerClient(n.Addr, func() {
			inSession(func() { b.tell(b.account.Restarted(n.ID, time.Now())) })
		})
		if err != nil { // the session's own client was made of the same options
			client = redis.NewClient(&redis.Options{Addr: n.Addr})
			_ = client.Close() // all that is asked fails
		}
		stop := context.AfterFunc(ctx, func() { _ = client.Close() })
		defer func() {
			if stop() {
				_ = client.Close()
			}
		}()
		a.run(ctx, client, inSession)
	})
	return a
}

// run carries out the jobs until ctx ends. Those that are left then fail.
func (a *asker) run(ctx context.Context, client *redis.Client, inSession func(func())) {
	for {
		select {
		case <-ctx.Done():
			for len(a.jobs) > 0 {
				(<-a.jobs)(ctx, client)
			}
			return
		case ask := <-a.jobs:
			answering, cancel := context.WithTimeout(ctx, askTimeout)
			inSession(ask(answering, client))
			cancel()
		}
	}
}

// askerClient returns a client that connects again whenever it must. restarted is called when it finds another process
// than before.
func (o *Options) askerClient(addr string, restarted func()) (*redis.Client, error) {
	opt, err := o.nodeOptions(addr)
	if err != nil {
		return nil, err
	}
	if err := o.complete(opt, busRole, credentials.Login{}); err != nil {
		return nil, err
	}
	if o.Credentials != nil {
		opt.CredentialsProviderContext = func(ctx context.Context) (string, string, error) {
			l, err := o.login(ctx)
			return l.User, l.Password, err
		}
	}
	name, process := opt.OnConnect, ""
	opt.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
		if err := name(ctx, conn); err != nil {
			return err
		}
		info, err := conn.Info(ctx, "server").Result()
		if err != nil {
			return o.goOn("INFO", err)
		}
		now := factOf(info, "run_id")
		if process != "" && now != process {
			restarted()
		}
		process = now
		return nil
	}
	return redis.NewClient(opt), nil
}

// probe has each node publish a numbered message for this relay.
func (b *bus) probe() {
	if !b.counts() {
		return
	}
	channel := b.connection.prober.channel
	for _, id := range b.account.Others() {
		a := b.askers[id]
		if a == nil || a.busy {
			continue
		}
		now := time.Now()
		number := b.account.Next(id, now)
		if number == 0 {
			continue
		}
		payload := fmt.Sprint(id, " ", number, " ", now.UnixNano())
		a.busy = true
		a.jobs <- func(ctx context.Context, client *redis.Client) func() {
			err := client.Publish(ctx, channel, payload).Err()
			return func() {
				a.busy = false
				b.published(id, number, err)
			}
		}
	}
}

// published takes the answer to a probe.
func (b *bus) published(id string, number uint64, err error) {
	switch {
	case err == nil:
		b.account.Taken(id, number)
	case strings.HasPrefix(err.Error(), "NOPERM "):
		b.refused = true
		if p := &b.connection.prober; !b.refusedLog {
			b.refusedLog = true
			p.log.Warn("Redis does not allow the relay to publish to itself: losses on the cluster's bus are not seen"+
				Advice(err, p.rule()), zap.Error(err))
		}
	}
}

// heard takes a probe that has come.
func (b *bus) heard(payload string) {
	words := strings.Fields(payload)
	if len(words) != 3 || !b.counts() {
		return
	}
	number, err := strconv.ParseUint(words[1], 10, 64)
	sent, err2 := strconv.ParseInt(words[2], 10, 64)
	if err == nil && err2 == nil {
		b.tell(b.account.Heard(words[0], number, time.Unix(0, sent), time.Now()))
	}
}

// tell tells the owner of messages that may be missing.
func (b *bus) tell(gaps []cluster.Gap) {
	for _, g := range gaps {
		b.connection.owner.BusLoss(g)
	}
}

// askNodes asks one node, each in turn, which nodes it knows.
func (b *bus) askNodes() {
	if b.asking != nil || len(b.view) == 0 {
		return
	}
	b.turn++
	n := b.view[b.turn%len(b.view)]
	a := b.askers[n.ID]
	if a == nil {
		return
	}
	b.asking = a
	a.jobs <- func(ctx context.Context, client *redis.Client) func() {
		v, err := b.connection.opts.askView(ctx, client, n.Addr)
		return func() {
			b.asking = nil
			if err == nil && v.SeesMost() {
				b.see(v, n.ID)
			}
		}
	}
}

// see takes the view of a node, and leaves this one if two in a row say that it is of no use. What it says of itself
// does not count.
func (b *bus) see(v cluster.View, by string) {
	b.view = v
	b.connection.opts.Cluster.Learn(v)
	if by != b.node.ID {
		if n, ok := v.Find(b.node.ID); ok && n.Master && !n.Failed {
			b.against = 0
		} else if b.against++; b.against > 1 {
			b.session.end(errLeft)
			return
		}
	}
	b.hire()
	b.connection.keyspace.see()
	if gaps := b.account.See(v, time.Now()); b.counts() {
		b.tell(gaps)
	}
}
