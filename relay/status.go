package relay

// Where the relay can be reached, and how it is.

import (
	"encoding/json"

	"redis-relay/relay/admin"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/status"
)

// Addresses returns where the relay can be reached: the socket's path, and the
// HTTP address, empty if that is off.
func (r *Relay) Addresses() (socket, http string) {
	if r.admin != nil {
		http = r.admin.Addr().String()
	}
	return r.cfg.Socket.Path, http
}

// TCPAddress returns where clients can reach the relay by TCP, empty if that is off.
func (r *Relay) TCPAddress() string {
	if r.tcp == nil {
		return ""
	}
	return r.tcp.Addr().String()
}

// NATSAddress returns where NATS clients can reach the relay, empty if that is off.
func (r *Relay) NATSAddress() string { return r.natsAddress }

// Ready says whether clients can connect, every wanted subscription is confirmed by
// the required upstreams and messages can be published there, and if not, what is missing.
func (r *Relay) Ready() (ready bool, missing string) { return admin.Ready(r.overview.Checks()) }

// Embedded returns the address of the Redis inside the relay, which other relays
// and plain clients on this host can use, and the file in which it keeps history;
// both are empty where redis.url names a real one.
func (r *Relay) Embedded() (url, file string) {
	main := r.sides[0]
	if main.embedded == nil {
		return "", ""
	}
	return main.embedded.URL(), historyFile(r.cfg, main.name)
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
