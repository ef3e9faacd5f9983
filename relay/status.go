package relay

// Where the relay can be reached, and how it is.

import (
	"fmt"

	"redis-relay/relay/admin"
)

// Addresses returns where the relay can be reached: the socket's path, and the
// HTTP address, empty if that is off.
func (r *Relay) Addresses() (socket, http string) {
	if r.admin != nil {
		http = r.admin.Addr().String()
	}
	return r.cfg.Socket.Path, http
}

// NATSAddress returns where NATS clients can reach the relay, empty if that is off.
func (r *Relay) NATSAddress() string { return r.natsAddress }

// Ready says whether clients can connect, every wanted subscription is confirmed by
// Redis and messages can be published, and if not, what is missing.
func (r *Relay) Ready() (ready bool, missing string) { return admin.Ready(r.Checks()) }

// Checks says what there is to know about the state of the relay.
func (r *Relay) Checks() []admin.Check { return r.checksWith(r.upstreamReady()) }

// checksWith is Checks with the answer of upstreamReady.
func (r *Relay) checksWith(ready bool, missing string) []admin.Check {
	socket := admin.Check{Name: "socket", OK: true, Vital: true, Text: "clients can connect to " + r.cfg.Socket.Path}
	if err := r.socket.Unreachable(); err != nil {
		socket.OK, socket.Text = false, err.Error()
	}
	redis := admin.Check{
		Name: "redis", OK: true, Vital: true, Text: "all subscriptions are confirmed, messages can be published",
	}
	if !ready {
		redis.OK, redis.Text = false, missing
	}
	state := r.reloader.loaded.Load()
	return []admin.Check{
		socket, redis, {Name: "config", OK: state.refused.IsZero(), Text: state.describe()},
	}
}

func (r *Relay) upstreamReady() (ready bool, missing string) {
	missing = "the relay is ending"
	r.loop.Call(func() {
		var connected bool
		if ready, connected, missing = r.redis.Status(); ready || !connected {
			return
		}
		if all, kind, example, n := r.hub.Confirmed(); !all {
			missing = fmt.Sprintf("%d subscriptions are not confirmed by Redis, %s %q among them",
				n, kind.Subscribe(), example)
		}
	})
	return ready, missing
}

// Embedded returns the address of the Redis inside the relay, which other relays
// and plain clients on this host can use, and the file in which it keeps history;
// both are empty where redis.url names a real one.
func (r *Relay) Embedded() (url, file string) {
	if r.embedded == nil {
		return "", ""
	}
	return r.embedded.URL(), historyFile(r.cfg)
}

// redisName is how the log calls Redis: without a password.
func (r *Relay) redisName() string {
	if r.embedded != nil {
		return "embedded"
	}
	return r.cfg.Redis.Redacted()
}
