package relay

// The gateway to the socket: what it is made of, and what it has of the relay.

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/notice"
	"redis-relay/relay/respserver"
	"redis-relay/relay/respserver/listen"
)

func (r *Relay) takeSocket() error {
	mode, err := r.cfg.Socket.FileMode()
	if err != nil {
		return fmt.Errorf("socket.mode: %w", err)
	}
	if r.socket, err = listen.OnSocket(r.cfg.Socket.Path, mode, r.cfg.Socket.Group); err != nil {
		return err
	}
	r.closers = append(r.closers, r.socket.Close)
	if r.tcp, err = listen.OnTCP(r.cfg.Socket.TCP); err == nil {
		r.closers = append(r.closers, r.tcp.Close)
	}
	return err
}

// socketLost reports that clients cannot connect any more, because of why, or, if why is nil, that they can again.
func (r *Relay) socketLost(why error) {
	n, event, fact := notice.SocketUp, notice.Event{Time: time.Now()}, zap.String("socket", r.cfg.Socket.Path)
	if why != nil {
		n, event.Cause, fact = notice.SocketDown, why.Error(), zap.Error(why)
	}
	r.teller.Log(n, fact)
	r.loop.Post(func() { r.teller.Send(n, event) })
}

// backend is the relay behind the socket.
type backend struct {
	*outbound
	*gate
	*counts
	*streams
	*overviewForClients
}

var _ respserver.Backend = (*backend)(nil)

// openSocket builds the gateway on the socket, and on TCP.
func (r *Relay) openSocket(version string) error {
	password, err := respserver.ReadPassword(r.cfg.Socket.PasswordFile)
	if err != nil {
		return err
	}
	behind := &backend{r.outbound, newGate(r), r.counts, r.streams, &overviewForClients{r}}
	r.server = respserver.New(respserver.Options{
		Version: version, Path: r.cfg.Socket.Path, TCP: r.tcp,
		HTTP: func() string {
			_, http := r.Addresses()
			return http
		},
		AllowUIDs: r.cfg.Socket.AllowUIDs, AllowGIDs: r.cfg.Socket.AllowGIDs,
		PublishTimeout: r.cfg.Redis.PublishTimeout, Viewers: &r.viewers.Viewers,
	}, r.loop, r.hub, r.flusher, behind, &r.limits.Limits, r.log.Named("socket"))
	r.server.SetPassword(password)
	r.services = append(r.services,
		func(ctx context.Context) error { return r.server.Serve(ctx, r.socket) },
		func(ctx context.Context) error { return r.socket.Maintain(ctx, r.socketLost) },
		r.reloader.watch)
	r.reloader.loop, r.reloader.server = r.loop, r.server
	r.reloader.sides, r.reloader.hub, r.reloader.gaps = r.sides, r.hub, r.gaps
	r.reloader.outlets, r.reloader.traffic, r.reloader.dead, r.reloader.last = r.outlets, r.watch, r.dead, r.last
	r.reloader.mirrors = r.outbound.mirrors
	return nil
}
