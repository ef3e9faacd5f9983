package sentinel

// Asking sentinels for the master.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	askTimeout = 3 * time.Second        // for one answer
	grace      = 500 * time.Millisecond // for the others, once a sentinel has answered
)

// ErrNoMaster says that a sentinel watches no master of this name.
var ErrNoMaster = errors.New("it watches no master of this name")

// Error is that of the sentinel at an address.
type Error struct {
	Addr string
	Err  error
}

// Error names the sentinel.
func (e *Error) Error() string { return fmt.Sprintf("sentinel %s: %v", e.Addr, e.Err) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Group says which sentinels are asked for which master.
type Group struct {
	Name  string           // of the master
	Nodes []*redis.Options // how each is reached
	Known *Known
}

// Find returns the address of the master. While somebody watches it is known; else all sentinels are asked, and the
// answers of most are waited for, or those within half a second of the first. If none answers, the master is the one
// that was named last. The error, an *Error, is that of one sentinel.
func (g *Group) Find(ctx context.Context) (addr string, err error) {
	if !g.Known.isLive() {
		err = g.askAll(ctx)
	}
	if addr, _ = g.Known.Master(); addr != "" {
		return addr, nil
	}
	return "", err
}

// askAll asks all sentinels.
func (g *Group) askAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	results := make(chan error, len(g.Nodes))
	for _, n := range g.Nodes {
		go func() { results <- g.askOnce(ctx, n) }()
	}
	var failed error
	var late <-chan time.Time // nil: none has answered
	for left, answered := len(g.Nodes), 0; left > 0; left-- {
		select {
		case err := <-results:
			if err != nil {
				failed = worse(failed, err)
			} else if answered++; 2*answered > len(g.Nodes) {
				return nil
			} else if late == nil {
				late = time.After(grace)
			}
		case <-late:
			return nil
		}
	}
	return failed
}

// worse picks the error that tells more: what a sentinel itself says before what a connection does.
func worse(a, b error) error {
	var refused redis.Error
	if a == nil || !errors.As(a, &refused) && !errors.Is(a, ErrNoMaster) {
		return b
	}
	return a
}

// askOnce asks one sentinel over a connection of its own.
func (g *Group) askOnce(ctx context.Context, n *redis.Options) error {
	client := redis.NewClient(n)
	defer func() { _ = client.Close() }()
	return g.ask(ctx, client, n.Addr)
}

// ask asks one sentinel. Its clients are answered in one piece: the epoch is that of the address.
func (g *Group) ask(ctx context.Context, client *redis.Client, sentinel string) error {
	asked := time.Now()
	pipe := client.Pipeline()
	facts := pipe.Do(ctx, "SENTINEL", "MASTER", g.Name)
	address := pipe.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", g.Name)
	_, failed := pipe.Exec(ctx)
	at, err := address.StringSlice()
	switch {
	case err != nil && address.Err() == nil && failed != nil: // it was not asked
		err = failed
	case errors.Is(err, redis.Nil) || err == nil && len(at) != 2:
		err = ErrNoMaster
	case err == nil:
		a := Answer{Master: net.JoinHostPort(at[0], at[1])}
		a.read(facts)
		g.Known.Hear(sentinel, a, asked)
		return nil
	}
	return &Error{sentinel, err}
}

// read takes what SENTINEL MASTER tells. A user may not be allowed to ask that.
func (a *Answer) read(facts *redis.Cmd) {
	list, err := facts.StringSlice()
	for i := 0; err == nil && i+1 < len(list); i += 2 {
		n, notNumber := strconv.ParseInt(list[i+1], 10, 64)
		switch {
		case notNumber != nil:
		case list[i] == "config-epoch":
			a.Epoch = n
		case list[i] == "num-other-sentinels":
			a.Others = int(n)
		}
	}
}
