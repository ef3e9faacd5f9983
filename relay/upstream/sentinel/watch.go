package sentinel

// Hearing of another master as soon as a sentinel names it.

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	interval = 2 * time.Second // between two questions to one sentinel
	// unheard is the interval where a sentinel does not tell by itself.
	unheard = time.Second
	// again is the longest pause before a sentinel that did not answer is asked again.
	again = time.Second
)

// converted is told when a sentinel makes a replica of a server that should be one, and still was a master.
const converted = "+convert-to-slave"

// events are those that may change the master. The first that a failover tells is +promoted-slave, by its leader.
var events = []string{
	"+switch-master", "+promoted-slave", "+failover-end", "+config-update-from", "-monitor", "+monitor", converted,
}

// Watcher is told of what Watch finds, from several goroutines.
type Watcher interface {
	// Converted says that a former master was made a replica only now. Clients may have published there until then.
	Converted()
	// Silent says that a sentinel cannot be asked, once until Answers.
	Silent(sentinel string, err error)
	// Answers says that such a sentinel answers again.
	Answers(sentinel string)
}

// Watch keeps Known up to date until ctx ends.
func (g *Group) Watch(ctx context.Context, w Watcher) {
	g.Known.setWatched(true)
	defer g.Known.setWatched(false)
	var all sync.WaitGroup
	for _, n := range g.Nodes {
		all.Go(func() { g.keepWatching(ctx, n, w) })
	}
	all.Wait()
}

// keepWatching watches one sentinel through all losses.
func (g *Group) keepWatching(ctx context.Context, n *redis.Options, w Watcher) {
	silent := false
	for {
		err := g.watch(ctx, n, w, func() {
			if silent {
				silent = false
				w.Answers(n.Addr)
			}
		})
		if ctx.Err() != nil {
			return
		}
		g.Known.Miss(n.Addr)
		if !silent {
			silent = true
			w.Silent(n.Addr, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again/2 + rand.N(again/2)):
		}
	}
}

// watch watches one sentinel until it does not answer, and returns why. answers is called after the first answer.
func (g *Group) watch(ctx context.Context, n *redis.Options, w Watcher, answers func()) error {
	client := redis.NewClient(n)
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // ends a question under way
	defer func() {
		if stop() {
			_ = client.Close()
		}
	}()
	if err := g.ask(ctx, client, n.Addr); err != nil {
		return err
	}
	answers()
	messages, every, end := subscribe(ctx, client)
	defer end()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := g.ask(ctx, client, n.Addr); err != nil { // something may have changed before the subscription
			return err
		}
		for asking := false; !asking; {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				asking = true
			case m, open := <-messages:
				if !open {
					messages = nil
				} else if asking = slices.Contains(strings.Fields(m.Payload), g.Name); asking && m.Channel == converted {
					w.Converted()
				}
			}
		}
	}
}

// subscribe has a sentinel tell of events, and returns how often it is asked, too. It tells none if it refuses.
func subscribe(ctx context.Context, client *redis.Client) (<-chan *redis.Message, time.Duration, func()) {
	sub := client.Subscribe(ctx, events...)
	end := func() { _ = sub.Close() }
	var refused redis.Error
	if _, err := sub.ReceiveTimeout(ctx, askTimeout); errors.As(err, &refused) {
		end()
		return nil, unheard, func() {}
	}
	return sub.Channel(), interval, end
}
